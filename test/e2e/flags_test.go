// Package e2e tests the operator as its users run it: as a compiled program.
package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// A wrong flag is one clear line and a failure.
func TestWrongFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"--no-such-flag":                         "not defined: -no-such-flag",
		"argument":                               `unexpected argument "argument"`,
		"--clb-requests-per-second=0":            "give a number from 1 to 20",
		"--clb-requests-per-second=21":           "give a number from 1 to 20",
		"--clb-requests-per-second=many":         `invalid value "many"`,
		"--clb-timeout=0s":                       "give a duration above zero",
		"--clb-not-found-grace=-1s":              "give zero or more",
		"--default-ttl-after-finished=-1s":       "give zero for none, or more",
		"--clb-endpoint=http://clb.example.com":  "plain http to a host that is not loopback",
		"--clb-endpoint=https://a.example/path":  "must not have a path",
		"--clb-endpoint=Guangzhou=https://a.com": "is not [REGION=]URL",
		"--clb-root-domain=tencentcloudapi..com": "is not a domain name",
		"--clb-finance-regions=Shanghai":         `"Shanghai" is not a region`,
		"--clb-finance-regions=ap-shanghai-fsi,": `"" is not a region`,
		"--credentials=file":                     "give one of auto, env, directory, pod-identity, secret, cvm-role",
		"--credentials=directory":                "needs --credentials-directory",
		"--assume-role-arn=role":                 "is not a role",
		"--assume-role-external-id=x":            "without --assume-role-arn",
		"--sts-endpoint=http://sts.example.com":  "plain http to a host that is not loopback",
		"--ca-file=/no/such/file":                "no such file",
		"--watch-namespaces=web,Shop":            `"Shop" is not the name of a namespace`,
		"--leader-election-lease-duration=5s":    "give --leader-election-lease-duration more than",
		"--leader-election-renew-deadline=20s":   "give --leader-election-lease-duration more than",
		"--leader-election-retry-period=6s":      "at least twice --leader-election-retry-period",
		"--leader-election-retry-period=0s":      "at least twice --leader-election-retry-period",
		// Each adds to the one before.
		"--watch-namespaces=web --watch-namespaces=Shop": `"Shop" is not the name of a namespace`,
	} {
		t.Run(flags, func(t *testing.T) {
			var exit *exec.ExitError
			out, err := exec.Command(manager, strings.Fields(flags)...).CombinedOutput()
			if !errors.As(err, &exit) || exit.ExitCode() <= 0 {
				t.Errorf("it ended with %v", err)
			}
			text := strings.TrimSuffix(string(out), "\n")
			if !strings.HasPrefix(text, "manager: ") || strings.Contains(text, "\n") || !strings.Contains(text, want) {
				t.Errorf("it says:\n%s\nwant one line with: %s", text, want)
			}
		})
	}
}
