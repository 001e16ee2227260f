package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestWhatIsMissingIsTold(t *testing.T) {
	tests := map[string]struct {
		args   []string
		assets string
		code   int
		want   string // Part of the error; "" for none.
	}{
		"an unknown flag":             {[]string{"--kep"}, "", 2, "flag provided but not defined: -kep"},
		"an argument":                 {[]string{"keep"}, "", 2, `unexpected argument "keep"`},
		"a flag without a value":      {[]string{"--manager"}, "", 2, "flag needs an argument"},
		"help":                        {[]string{"--help"}, "", 0, ""},
		"no control plane":            {nil, "", 1, "KUBEBUILDER_ASSETS is not set: run `make demo`"},
		"no operator":                 {[]string{"--manager=bin/none"}, "/nowhere", 1, "there is no bin/none: run `make demo`"},
		"an operator, nothing beyond": {[]string{"--manager=main.go"}, "/nowhere", 1, "run `make demo` in the root"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Setenv("KUBEBUILDER_ASSETS", test.assets)
			err := run(context.Background(), test.args, io.Discard)
			if code := exitCode(err); code != test.code {
				t.Errorf("the exit code is %d, want %d", code, test.code)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestInterruptIsNotHidden(t *testing.T) {
	t.Parallel()
	if code := exitCode(errors.Join(errInterrupted, errors.New("and more"))); code != 130 {
		t.Errorf("the exit code is %d, want 130", code)
	}
	ctx, cancel := context.WithCancel(context.Background())
	consequence := errors.New("kubectl: signal: interrupt")
	if err := unlessInterrupted(ctx, consequence); !errors.Is(err, consequence) {
		t.Errorf("before the interrupt: %v", err)
	}
	cancel()
	if err := unlessInterrupted(ctx, consequence); !errors.Is(err, errInterrupted) {
		t.Errorf("after the interrupt: %v", err)
	}
	if err := unlessInterrupted(ctx, nil); err != nil {
		t.Errorf("a success: %v", err)
	}
}

func TestQuoted(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"--for=condition=Succeeded":                "--for=condition=Succeeded",
		"--for=jsonpath={.status.completionTime}":  "--for=jsonpath='{.status.completionTime}'",
		"config/samples/clb_v1alpha1_clbtask.yaml": "config/samples/clb_v1alpha1_clbtask.yaml",
		"":      "''",
		"it's":  `'it'\''s'`,
		"a b=c": "'a b=c'",
	} {
		if got := quoted(word); got != want {
			t.Errorf("%q is quoted %s, want %s", word, got, want)
		}
	}
}

func TestFrom(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Name: a\nSpec:\n  Status: x\nStatus:\n  y\n": "[...]\nStatus:\n  y\n",
		"Status:\n  y\n": "[...]\nStatus:\n  y\n",
		"Name: a\n":      "Name: a\n",
	} {
		if got := from(text, "Status:"); got != want {
			t.Errorf("of %q is left %q, want %q", text, got, want)
		}
	}
}
