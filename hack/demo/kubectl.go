package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// commandTime is what any one command may take; those that wait have a time-out
// of their own, which is shorter.
const commandTime = 2 * time.Minute

// kubectl runs the real one, of the same release as the API server, and shows
// what it runs.
type kubectl struct {
	screen *screen
	path   string
	env    []string
}

// newKubectl returns a kubectl that neither reads nor writes anything of the
// user's: no preferences, and a cache that is removed with the folder.
func newKubectl(s *screen, assets, dir, kubeconfig string) *kubectl {
	return &kubectl{screen: s, path: filepath.Join(assets, "kubectl"), env: append(os.Environ(),
		"KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(dir, "kubectl-cache"), "KUBERC=off")}
}

// run shows a command, then its output.
func (k *kubectl) run(ctx context.Context, args ...string) error {
	k.screen.command(args...)
	err := k.quietly(ctx, k.screen.out, args...)
	k.screen.print("\n")
	return err
}

// show is run for the end of an output, from the line that begins with first.
func (k *kubectl) show(ctx context.Context, first string, args ...string) error {
	var text bytes.Buffer
	err := k.quietly(ctx, &text, args...)
	k.screen.command(args...)
	k.screen.print("%s\n", from(text.String(), first))
	return err
}

// from cuts off the lines before the one that begins with first.
func from(text, first string) string {
	if _, rest, found := strings.Cut("\n"+text, "\n"+first); found {
		return "[...]\n" + first + rest
	}
	return text
}

// quietly runs a command for its output. An error tells the command, and what
// kubectl said of it where the output does not hold it.
func (k *kubectl) quietly(ctx context.Context, out io.Writer, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	var complaint bytes.Buffer
	process := exec.CommandContext(ctx, k.path, args...) //nolint:gosec // It is what is to run.
	process.Env, process.Stdout, process.Stderr = k.env, out, &complaint
	// A stopped kubectl must not keep the demo waiting for the end of its output.
	process.WaitDelay = time.Second
	if err := process.Run(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	_, err := out.Write(complaint.Bytes()) // Warnings.
	return err
}
