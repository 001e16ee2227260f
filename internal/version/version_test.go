package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	platform := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	checkout := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc"}}}
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v0.3.0"}}
	for sentence, test := range map[string]struct {
		version, commit string
		info            *debug.BuildInfo
		want            string
	}{
		"what was linked comes first":          {"v0.1.0", "def", checkout, "v0.1.0 (commit def, " + platform},
		"a commit that was not linked is Go's": {"v0.1.0", "", checkout, "v0.1.0 (commit abc, " + platform},
		"a checkout has its commit":            {"", "", checkout, "(devel) (commit abc, " + platform},
		"an installed module has its version":  {"", "", installed, "v0.3.0 (" + platform},
		"nothing may be known":                 {"", "", new(debug.BuildInfo), "(devel) (" + platform},
	} {
		if got := build(test.version, test.commit, test.info).String(); got != test.want {
			t.Errorf("%s: %q, want %q", sentence, got, test.want)
		}
	}
	if Get().GoVersion == "" {
		t.Error("this test has no version of Go")
	}
}
