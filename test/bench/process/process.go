// Package process runs programs beside a benchmark, so that what they use is their own.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// Process is a program that runs.
type Process struct {
	*exec.Cmd
	log   string
	ended chan error
}

// Start starts a program that writes to a log, and is killed when ctx ends.
func Start(ctx context.Context, log string, environment []string, program string, args ...string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	p := &Process{Cmd: exec.CommandContext(ctx, program, args...), log: log, ended: make(chan error, 1)}
	p.Env = environment
	p.Stdout, p.Stderr = output, output
	if err := errors.Join(p.Start(), output.Close()); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.Wait() }()
	return p, nil
}

// Stop ends it if that has not been done, and returns what it had to say if it failed.
func (p *Process) Stop() error {
	_ = p.Process.Signal(syscall.SIGTERM)
	err := <-p.ended
	p.ended <- nil
	if killed := new(exec.ExitError); errors.As(err, &killed) && killed.ExitCode() >= 0 {
		text, _ := os.ReadFile(p.log)
		return fmt.Errorf("%s: %w: %s", p.Path, err, text[max(0, len(text)-2000):])
	}
	return nil
}
