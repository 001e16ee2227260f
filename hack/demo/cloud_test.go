package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const samplesHere = "../../" + samplesFile

func TestReadSamples(t *testing.T) {
	t.Parallel()
	samples, err := readSamples(samplesHere)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range samples {
		if s.requestID == "" || s.region == "" || s.waitFor == "" || s.phase == "" || s.reason == "" {
			t.Errorf("something is empty: %+v", s)
		}
		seen[s.requestID] = true
	}
	if len(seen) != len(cast) {
		t.Errorf("%d request IDs, want %d: %v", len(seen), len(cast), seen)
	}
}

func TestReadSamplesRefuses(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(samplesHere)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	tests := map[string]struct{ content, want string }{
		"a sample without a part": {text + "---\nmetadata:\n  name: new-one\n", `no part for "new-one"`},
		"a part without a sample": {text[:strings.LastIndex(text, "---")], "there are 3 samples"},
		"a sample given twice":    {text + "---" + text[strings.LastIndex(text, "---")+3:], "there are 5 samples"},
		"what is no YAML":         {"a: b: c", "mapping values are not allowed"},
		"nothing":                 {"", "there are 0 samples"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "samples.yaml")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readSamples(file); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestCloudKnowsItsPart(t *testing.T) {
	t.Parallel()
	samples, err := readSamples(samplesHere)
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range []bool{false, true} {
		sky := startCloud(samples, keep)
		t.Cleanup(sky.server.Close)
		for _, s := range samples {
			task, known := sky.Task(s.requestID)
			if known != s.known || known && (task.Region != s.region || task.Duration < time.Second) {
				t.Errorf("%s: known %t, as %+v", s.name, known, task)
			}
			if end := sky.end(s); !end.IsZero() {
				t.Errorf("%s: ends at %v before it is polled", s.name, end)
			}
		}
		for _, spare := range spares {
			if _, known := sky.Task(spare.ID); known != keep {
				t.Errorf("%s: known %t with keep %t", spare.ID, known, keep)
			}
		}
	}
}

// Credentials are made up each time.
func TestCredentials(t *testing.T) {
	t.Parallel()
	var seen []clbsim.Credential
	for range 2 {
		sky := startCloud(nil, false)
		t.Cleanup(sky.server.Close)
		seen = append(seen, sky.credential)
	}
	if seen[0].SecretID == seen[1].SecretID || seen[0].SecretKey == seen[1].SecretKey {
		t.Error("two clouds have the same credential")
	}
	inherited := []string{"PATH=/bin", "TENCENTCLOUD_TOKEN=real", "TENCENTCLOUD_SECRET_ID=real"}
	if got := withoutCredentials(inherited); !slices.Equal(got, []string{"PATH=/bin"}) {
		t.Errorf("the operator inherits %q", got)
	}
}
