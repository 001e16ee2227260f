// Program clbsim serves a simulated CLB API, for demonstrations and for tests
// from outside Go.
//
// It accepts one credential, from the environment: TENCENTCLOUD_SECRET_ID,
// TENCENTCLOUD_SECRET_KEY and, for a temporary one, TENCENTCLOUD_TOKEN. The
// first line it prints says where it listens. With --admin-listen it serves
// JSON over HTTP as well:
//
//	POST   /tasks        one task or a list: {"id": "t1", "duration": "4s", "outcome": "Failed"}
//	GET    /tasks        all tasks
//	DELETE /tasks/{id}
//	POST   /faults       {"kind": "HTTPStatus", "statusCode": 502, "count": 3}
//	DELETE /faults       all of them
//	POST   /background   {"perSecond": 10}
//	GET    /calls        the call log; ?task=t1 for one task
//	GET    /stats
//
// The fields are those of clbsim.Task and clbsim.Fault, durations written as
// Go does. Exit codes: 0 after SIGTERM and SIGINT, 2 for wrong flags or
// environment, 1 for all else.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clbsim:", err)
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
	default:
		return 1
	}
}

// run serves until ctx ends. Its error is a usageError when flags or
// environment are wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	sim := clbsim.New(o.config)
	if o.tasksFile != "" {
		if err := loadTasks(sim, o.tasksFile); err != nil {
			return err
		}
	}
	server, err := start(sim, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	admin := ""
	if o.adminListen != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.adminListen)
		if err != nil {
			return fmt.Errorf("--admin-listen: %w", err)
		}
		adminServer := &http.Server{
			Handler:           adminHandler(sim, o.account()),
			ReadHeaderTimeout: 10 * time.Second,
		}
		go func() { _ = adminServer.Serve(listener) }()
		defer func() { err = errors.Join(err, adminServer.Close()) }()
		admin = fmt.Sprintf("admin on http://%s\n", listener.Addr())
	}
	if _, err := fmt.Fprintf(stdout, "listening on %s\n%s", server.URL, admin); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func start(sim *clbsim.Simulator, o options) (*clbsim.Server, error) {
	if !o.tls {
		return sim.Start(o.listen)
	}
	server, err := sim.StartTLS(o.listen, o.tlsNames...)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(o.caFile, server.CertificatePEM, 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("--ca-file: %w", err), server.Close())
	}
	return server, nil
}

func loadTasks(sim *clbsim.Simulator, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--tasks: %w", err)
	}
	tasks, err := readTasks(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("--tasks: %s: %w", file, err)
	}
	sim.AddTasks(tasks)
	return nil
}
