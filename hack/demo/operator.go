package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	readyTime   = 90 * time.Second
	goodbyeTime = 10 * time.Second
)

// operator is bin/manager as a process of its own.
type operator struct {
	log    string // The file of its output.
	health string // The URL that says whether it is ready.

	process *exec.Cmd
	ended   chan struct{}
	err     error // Of the process, once ended is closed.
}

// startOperator returns a context, too, that ends when the operator does: nothing
// that waits for it needs to wait any longer.
func startOperator(ctx context.Context, manager, kubeconfig, dir string, sky *cloud) (context.Context, *operator, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	o := &operator{
		log:    filepath.Join(dir, "operator.log"),
		health: "http://" + address + "/readyz",
		ended:  make(chan struct{}),
	}
	output, err := os.Create(o.log)
	if err != nil {
		return nil, nil, err
	}
	// Not exec.CommandContext, which would kill it: it must end in order.
	o.process = exec.Command(manager, //nolint:noctx,gosec // See above; the flag --manager is what is to run.
		"--kubeconfig="+kubeconfig,
		"--leader-elect",
		"--clb-endpoint="+sky.server.URL,
		"--metrics-bind-address=0",
		"--health-probe-bind-address="+address,
	)
	o.process.Env = append(withoutCredentials(os.Environ()), sky.environment()...)
	o.process.Stdout, o.process.Stderr = output, output
	// A terminal's Ctrl-C must not reach it: it would take the demo's SIGTERM for a
	// second one, and end at once, without giving its lease up.
	o.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(o.process.Start(), output.Close()); err != nil {
		return nil, nil, fmt.Errorf("start the operator: %w", err)
	}
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		o.err = o.process.Wait()
		close(o.ended)
		end(fmt.Errorf("the operator ended by itself: %s", o.process.ProcessState))
	}()
	return ctx, o, nil
}

// ready waits until the operator says that it is, and leads.
func (o *operator) ready(ctx context.Context, leader func(context.Context) string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTime, fmt.Errorf("the operator is not ready after %v", readyTime))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !o.healthy(ctx) || leader(ctx) == "" {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

func (o *operator) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.health, http.NoBody)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// stop ends the operator as a kubelet does, but with less patience.
func (o *operator) stop() error {
	if err := o.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(fmt.Errorf("stop the operator: %w", err), o.process.Process.Kill())
	}
	select {
	case <-o.ended:
	case <-time.After(goodbyeTime):
		err := errors.Join(fmt.Errorf("the operator did not end within %v of a SIGTERM", goodbyeTime), o.process.Process.Kill())
		<-o.ended
		return err
	}
	if o.err != nil {
		return fmt.Errorf("the operator ended with an error: %w", o.err)
	}
	return nil
}

// withoutCredentials keeps a real account's out of the demo.
func withoutCredentials(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		return strings.HasPrefix(variable, "TENCENTCLOUD_")
	})
}

// freeAddress finds a port for a process that cannot tell which one it got.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It does not wait.
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
