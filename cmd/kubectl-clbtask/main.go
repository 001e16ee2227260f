// Program kubectl-clbtask is the kubectl plugin of clbtask-operator: `kubectl clbtask` tracks
// requests of Tencent Cloud's load balancer (CLB) and waits for their verdicts.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	// The ways to log in that a kubeconfig may name.
	_ "k8s.io/client-go/plugin/pkg/client/auth"

	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends it at once.
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(int(command.Run(ctx, streams, os.Args[1:])))
}
