package credentials

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The names of the values of a credential, as keys of a Secret and as files of a
// directory. The token is there for temporary keys only.
const (
	KeySecretID  = "secretId"
	KeySecretKey = "secretKey"
	KeyToken     = "token"
)

// maxBytes bounds a file and an answer. Real tokens are below 8 KiB.
const maxBytes = 64 << 10

var errTooLarge = fmt.Errorf("is larger than %d bytes", maxBytes)

// readBounded reads what has a name, and fails with errTooLarge beyond maxBytes.
func readBounded(from io.Reader, name string) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if len(content) > maxBytes {
		return nil, fmt.Errorf("%s %w", name, errTooLarge)
	}
	return content, err
}

// fromValues makes a credential of named values, which holder has. The error names
// what is missing, never what is there.
func fromValues(values map[string][]byte, holder string) (clb.Credential, error) {
	if lacks := missing(func(name string) string { return string(values[name]) }, KeySecretID, KeySecretKey); len(lacks) > 0 {
		return clb.Credential{}, fmt.Errorf("%w: %s has no %s: add it", clb.ErrNoCredentials, holder, strings.Join(lacks, " and no "))
	}
	return clb.NewCredential(string(values[KeySecretID]), string(values[KeySecretKey]), string(values[KeyToken])), nil
}

// missing returns the names whose value is empty or blank.
func missing(value func(name string) string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.TrimSpace(value(name)) != "" })
}
