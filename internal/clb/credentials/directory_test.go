package credentials

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

func write(t *testing.T, directory string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// mount makes version the current one of a mounted volume, as Kubernetes does.
func mount(t *testing.T, volume, version string, files map[string]string) {
	t.Helper()
	write(t, filepath.Join(volume, version), files)
	next := filepath.Join(volume, "..data_tmp")
	if err := errors.Join(os.Symlink(version, next), os.Rename(next, filepath.Join(volume, dataLink))); err != nil {
		t.Fatal(err)
	}
	for name := range files {
		_ = os.Symlink(filepath.Join(dataLink, name), filepath.Join(volume, name))
	}
}

func TestDirectories(t *testing.T) {
	for sentence, test := range map[string]struct {
		files map[string]string
		want  clb.Credential
		text  string
	}{
		"a key pair":                {map[string]string{"secretId": "i", "secretKey": "k"}, clb.NewCredential("i", "k", ""), ""},
		"a temporary key":           {map[string]string{"secretId": "i", "secretKey": "k", "token": "t"}, clb.NewCredential("i", "k", "t"), ""},
		"newlines at the end":       {map[string]string{"secretId": "i\n", "secretKey": "k\r\n", "token": " \n"}, clb.NewCredential("i", "k", ""), ""},
		"no files":                  {nil, clb.Credential{}, "has no secretId and no secretKey: add it"},
		"no secretKey":              {map[string]string{"secretId": "the-id"}, clb.Credential{}, "has no secretKey: add it"},
		"an empty secretId":         {map[string]string{"secretId": " \n", "secretKey": "the-key"}, clb.Credential{}, "has no secretId: add it"},
		"a file larger than any is": {map[string]string{"secretId": "i", "secretKey": strings.Repeat("k", 70_000)}, clb.Credential{}, "secretKey is larger than 65536 bytes"},
	} {
		for kind, place := range map[string]func(*testing.T, string){
			"in a plain directory": func(t *testing.T, path string) { t.Helper(); write(t, path, test.files) },
			"in a mounted volume":  func(t *testing.T, path string) { t.Helper(); mount(t, path, "..1", test.files) },
			"in a second version": func(t *testing.T, path string) {
				t.Helper()
				mount(t, path, "..1", nil)
				mount(t, path, "..2", test.files)
			},
			"behind a link to that": func(t *testing.T, path string) {
				t.Helper()
				mount(t, path+"2", "..1", test.files)
				_ = os.Symlink(path+"2", path)
			},
		} {
			t.Run(sentence+" "+kind, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "credentials")
				place(t, path)
				got, err := directory{path}.Credential(t.Context())
				if test.text == "" {
					if err != nil || got != test.want {
						t.Errorf("got %v, %v", got, err)
					}
					return
				}
				if !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), "director") {
					t.Errorf("got %v", err)
				}
				for _, secret := range []string{"the-id", "the-key", "kkk"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%v shows %s", err, secret)
					}
				}
			})
		}
	}
}

func TestADirectoryThatCannotBeReadIsNamed(t *testing.T) {
	for sentence, path := range map[string]string{
		"one that is not there": filepath.Join(t.TempDir(), "none"),
		"a file":                filepath.Join(t.TempDir(), "file"),
	} {
		if sentence == "a file" {
			write(t, filepath.Dir(path), map[string]string{"file": "x"})
		}
		_, err := directory{path}.Credential(t.Context())
		if !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--credentials-directory") {
			t.Errorf("%s: got %v", sentence, err)
		}
	}
}

// TestARotationNeverMixesKeys rotates a volume while it is read. Every third version
// is temporary, so that a lost token shows, too.
func TestARotationNeverMixesKeys(t *testing.T) {
	const versions = 600
	volume := t.TempDir()
	valid := map[clb.Credential]bool{}
	files := make([]map[string]string, versions)
	for n := range versions {
		files[n] = map[string]string{"secretId": fmt.Sprint("id", n), "secretKey": fmt.Sprint("key", n)}
		if n%3 == 0 {
			files[n]["token"] = fmt.Sprint("token", n)
		}
		valid[clb.NewCredential(files[n]["secretId"], files[n]["secretKey"], files[n]["token"])] = true
	}
	mount(t, volume, "..0", files[0])
	rotated := make(chan struct{})
	go func() {
		defer close(rotated)
		for n := 1; n < versions; n++ {
			mount(t, volume, fmt.Sprint("..", n), files[n])
			old := filepath.Join(volume, fmt.Sprint("..", n-1))
			// As RemoveAll does, one by one.
			for _, name := range slices.Sorted(maps.Keys(files[n-1])) {
				_ = os.Remove(filepath.Join(old, name))
			}
			_ = os.RemoveAll(old)
		}
	}()
	source, seen := directory{volume}, map[clb.Credential]bool{}
	for done := false; !done; {
		select {
		case <-rotated:
			done = true
		default:
		}
		c, err := source.Credential(t.Context())
		if err != nil {
			// Three versions were replaced during one reading, which real ones are not.
			continue
		}
		if !valid[c] {
			t.Fatal("the parts of two keys were mixed")
		}
		seen[c] = true
	}
	if len(seen) < 2 {
		t.Errorf("only %d keys were seen", len(seen))
	}
}
