package credentials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// dataLink is the symbolic link to the current version of a mounted volume. Kubernetes
// replaces the link, never the files behind it.
const dataLink = "..data"

// directory reads a key pair from the files of a directory. It reads them before each
// poll, so that a rotation takes effect as soon as Kubernetes has written it, which
// takes up to two minutes.
type directory struct{ path string }

// Account implements clb.CredentialSource.
func (d directory) Account() string { return "directory " + d.path }

// Credential implements clb.CredentialSource.
func (d directory) Credential(context.Context) (clb.Credential, error) {
	values, err := d.read()
	if err != nil {
		return clb.Credential{}, fmt.Errorf("%w: read --credentials-directory %s: %w", clb.ErrNoCredentials, d.path, err)
	}
	return fromValues(values, "the directory "+d.path)
}

// read reads the files of one version, so that a rotation never mixes two keys.
func (d directory) read() (map[string][]byte, error) {
	const attempts = 3
	for range attempts {
		version, err := d.version()
		if err != nil {
			return nil, err
		}
		values, err := readValues(version)
		if err != nil {
			return nil, err
		}
		// Kubernetes removes a version after it has replaced the link: files that
		// were missing from one that is no longer current may just be removed.
		if current, err := d.version(); err == nil && current == version {
			return values, nil
		}
	}
	return nil, errors.New("it changes while it is read")
}

// version returns the directory that holds the files: that behind the link, or the
// directory itself if it is no mounted volume.
func (d directory) version() (string, error) {
	// Only the link itself is looked at. That the version behind it is gone must not
	// pass for a directory without a link, whose files lead to one version each.
	target, err := os.Readlink(filepath.Join(d.path, dataLink))
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(d.path)
		return d.path, err
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(d.path, target)
	}
	return target, err
}

// readValues reads the files that are there.
func readValues(path string) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, name := range []string{KeySecretID, KeySecretKey, KeyToken} {
		value, err := readFile(filepath.Join(path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	return values, nil
}

// readFile reads a file of at most maxBytes.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readBounded(file, path)
}
