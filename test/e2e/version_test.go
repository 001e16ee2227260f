package e2e

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// A release sets the version when it links, here and in the Dockerfile.
func TestVersion(t *testing.T) {
	released := filepath.Join(t.TempDir(), "manager")
	const stamp = "-X github.com/clbtask/clbtask-operator/internal/version."
	out, err := exec.Command("go", "build", "-o", released, "-ldflags="+stamp+"version=v1.2.3-rc.1 "+stamp+"commit=41d29e7", root).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for program, want := range map[string]string{
		released: `^clbtask-operator v1\.2\.3-rc\.1 \(commit 41d29e7, go1\.\S+, \w+/\w+\)\n$`,
		manager:  `^clbtask-operator \S+ \(.*go1\.\S+, \w+/\w+\)\n$`,
	} {
		if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("it says %q, %v, want %s", out, err, want)
		}
	}
}
