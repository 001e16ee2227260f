// Package version says which build of the operator this is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// A release sets both when it links:
//
//	-ldflags "-X github.com/clbtask/clbtask-operator/internal/version.version=v0.1.0"
var version, commit string

// Build is what a build is made from.
type Build struct {
	Version   string // That of the release, such as v0.1.0, or (devel).
	Commit    string // Empty if it is not known.
	GoVersion string
}

// Get returns what was set when the program was linked, or else what Go itself notes:
// the version if the program was installed by `go install MODULE@VERSION`, and the commit
// if it was compiled in a checkout.
func Get() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return build(version, commit, info)
}

func build(version, commit string, info *debug.BuildInfo) Build {
	b := Build{
		Version:   cmp.Or(version, info.Main.Version, "(devel)"),
		Commit:    commit,
		GoVersion: runtime.Version(),
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			b.Commit = cmp.Or(commit, setting.Value)
		}
	}
	return b
}

// String returns one line, as in "v0.1.0 (commit 41d29e7, go1.26.8, linux/amd64)".
func (b Build) String() string {
	var of string
	if b.Commit != "" {
		of = "commit " + b.Commit + ", "
	}
	return fmt.Sprintf("%s (%s%s, %s/%s)", b.Version, of, b.GoVersion, runtime.GOOS, runtime.GOARCH)
}
