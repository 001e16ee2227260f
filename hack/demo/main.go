// Program demo shows the operator at work on one machine: a real etcd and
// kube-apiserver, a simulated CLB API, the operator as a process of its own with
// the permissions it has in a cluster, and kubectl. It checks what it shows, and
// leaves nothing running.
//
// `make demo` builds what it needs and runs it in the root of the repository:
//
//	bin/demo --manager bin/manager [--keep]
//
// Exit codes: 0 when all came out as it should, and after an interrupted --keep;
// 2 for wrong flags; 130 when interrupted earlier; 1 for all else.
//
// It starts no pods (there is no kubelet), needs no container runtime, and
// touches neither a cluster nor an account of the user's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// errInterrupted is why a demo ended before its end.
var errInterrupted = errors.New("interrupted")

// usageError is a wrong command line.
type usageError struct{ error }

// settings are the flags, and what the environment adds to them.
type settings struct {
	manager string
	keep    bool
	assets  string
}

func main() {
	// SIGPIPE is among them because a reader that goes away (`make demo | head`)
	// must not leave a control plane behind. The context is never released: a
	// second Ctrl-C must not cut the cleaning up short, which is bounded anyway.
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, _ := signal.NotifyContext(context.Background(), ends...)
	err := run(whileParentLives(ctx), os.Args[1:], os.Stdout)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "demo:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	case errors.Is(err, errInterrupted):
		return 130
	default:
		return 1
	}
}

// whileParentLives ends the context with the parent process: `go run` dies of a
// SIGTERM without passing it on, and what it ran would go on alone.
func whileParentLives(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return ctx
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	s.assets = os.Getenv("KUBEBUILDER_ASSETS")
	if err := s.complete(); err != nil {
		return err
	}
	screen := newScreen(out)
	err = present(ctx, s, screen)
	if err == nil || errors.Is(err, errInterrupted) {
		screen.step("Everything is stopped and removed")
	}
	return err
}

// parse reads the flags; --help is written to help.
func parse(args []string, help io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.manager, "manager", "bin/manager", "The operator's `file`, as `make build` makes it.")
	flags.BoolVar(&s.keep, "keep", false, "Stay up until Ctrl-C, to try more.")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintln(help, "demo runs the operator against a simulated cloud on this machine. Flags:")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return s, flag.ErrHelp
	case err != nil:
		return s, fmt.Errorf("%w (see --help)", err)
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q (see --help)", flags.Arg(0))
	}
	return s, nil
}

// complete tells what is missing that `make demo` would have made.
func (s settings) complete() error {
	if s.assets == "" {
		return errors.New("KUBEBUILDER_ASSETS is not set: run `make demo`, which sets it and builds what is missing")
	}
	files := []string{s.manager, installed, samplesFile}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		files = append(files, filepath.Join(s.assets, name))
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("there is no %s: run `make demo` in the root of the repository, which builds what is missing", file)
		}
	}
	return nil
}
