// Program clbsim serves a simulated CLB API, and on the same addresses the JSON
// interface of [clbsim.Simulator.Control], which adds tasks and faults.
//
// It accepts one credential, from the environment: TENCENTCLOUD_SECRET_ID and
// TENCENTCLOUD_SECRET_KEY. It prints a line "listening on <URL>" for each
// address. Each is a host with a quota of its own.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// logLimit bounds the memory of a simulator that runs for long.
const logLimit = 1000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "clbsim:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	// No poll ends a CLBTask of a real request that has come here by mistake.
	config := clbsim.Config{LogLimit: logLimit, UnknownTask: "FailedOperation"}
	flags := flag.NewFlagSet("clbsim", flag.ContinueOnError)
	// Everyone who reaches an address controls the simulator.
	addresses := flags.String("listen", "127.0.0.1:9443", "comma-separated `addresses`; port 0 is a free one")
	flags.IntVar(&config.RequestsPerSecond, "requests-per-second", 20, "`quota` of an account")
	flags.DurationVar(&config.RoundTrip, "round-trip", 0, "simulated `time` on the network, there and back")
	if err := flags.Parse(args); err != nil {
		return err
	}
	// Not flags, since every user of the machine sees those.
	credential := clbsim.Credential{SecretID: os.Getenv("TENCENTCLOUD_SECRET_ID"), SecretKey: os.Getenv("TENCENTCLOUD_SECRET_KEY")}
	if credential.SecretID == "" || credential.SecretKey == "" {
		return errors.New("TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY must be set in the environment")
	}
	config.Credentials = []clbsim.Credential{credential}

	sim := clbsim.New(config)
	mux := http.NewServeMux()
	mux.Handle("/", sim)
	mux.Handle("/simulator/", sim.Control())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer func() { err = cmp.Or(err, server.Close()) }()
	for address := range strings.SplitSeq(*addresses, ",") {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		go func() { _ = server.Serve(listener) }() // It ends with Close.
		if _, err := fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr()); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
