// Program demo shows the operator at work on one machine: a real etcd and
// kube-apiserver, a simulated CLB API, the operator as a process of its own with
// the permissions it has in a cluster, and kubectl. It checks what it shows, and
// leaves nothing running.
//
// `make demo` builds what it needs and runs it in the root of the repository:
//
//	bin/demo --manager bin/manager [--keep]
//
// Exit codes: 0 if everything is as it should be, and after an interrupted --keep;
// 2 for wrong flags; 130 if it is interrupted earlier; 1 for all other errors.
//
// It starts no pods (there is no kubelet), needs no container runtime, and
// touches no cluster and no account of the user.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	d := demo{out: os.Stdout, began: time.Now(), assets: os.Getenv("KUBEBUILDER_ASSETS")}
	flags := flag.NewFlagSet("demo", flag.ExitOnError) // It exits with 2, or with 0 after --help.
	flags.StringVar(&d.manager, "manager", "bin/manager", "the operator's `file`, as make build makes it")
	flags.BoolVar(&d.keep, "keep", false, "stay up until Ctrl-C, to try more")
	_ = flags.Parse(os.Args[1:])
	if flags.NArg() > 0 {
		_, _ = fmt.Fprintf(os.Stderr, "demo: unexpected argument %q (see --help)\n", flags.Arg(0))
		os.Exit(2)
	}
	// SIGPIPE is among them because a reader that goes away (`make demo | head`)
	// must not leave a control plane behind. The context is never released: a
	// second Ctrl-C must not interrupt the cleaning up, which is bounded anyway.
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, _ := signal.NotifyContext(context.Background(), ends...)
	err := missing(d.assets, d.manager)
	if err == nil {
		err = d.run(ctx)
		d.step("Everything is stopped and removed")
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "demo:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled): // So is the cause that a signal leaves.
		return 130
	default:
		return 1
	}
}

// missing reports what `make demo` would have made.
func missing(assets, manager string) error {
	files := []string{manager, installed, samplesFile}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		files = append(files, filepath.Join(assets, name))
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("there is no %s: run `make demo` in the root of the repository, which builds what is missing", file)
		}
	}
	return nil
}
