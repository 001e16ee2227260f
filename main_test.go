package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

// No command line panics, and one that is refused is so in one line. test/e2e has the sentences.
func FuzzFlags(f *testing.F) {
	for _, line := range []string{
		"", "--help", "--version", "argument", "--no-such-flag", "--clb-requests-per-second=21", "--clb-timeout=0s", "--watch-namespaces=a,B",
		"--clb-endpoint=https://a.example --clb-endpoint=b=c", "--leader-election-lease-duration=1s", "--credentials=secret --assume-role-arn=x",
		"--default-ttl-after-finished=-1s", "--clb-finance-regions=", "--zap-log-level=9", "--metrics-bind-address=:0", "--\n", "-",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		s, err := parse(strings.Split(line, " "), io.Discard)
		if err == nil {
			if err := s.controller.Validate(); err != nil {
				t.Errorf("%q passes, and has the options %+v: %v", line, s.controller, err)
			}
			return
		}
		if text := err.Error(); !errors.Is(err, flag.ErrHelp) && (text == "" || strings.Contains(strings.TrimSuffix(text, "\n"), "\n") && !strings.Contains(line, "\n")) {
			t.Errorf("%q is refused by %q", line, text)
		}
	})
}
