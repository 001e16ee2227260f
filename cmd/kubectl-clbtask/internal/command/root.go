// Package command has the commands of the plugin: flags, what they ask the API server, and
// what they print. Package answer reads the input of track, and package follow waits.
package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
	"github.com/clbtask/clbtask-operator/internal/version"
)

const about = `Track asynchronous requests of Tencent Cloud's load balancer (CLB), and wait for their verdicts.

A changing call of CLB returns a RequestId and finishes later. clbtask-operator follows the request in the cluster; this plugin creates the CLBTask
that names it, and waits until it has ended:

  tccli clb CreateListener --region ap-guangzhou ... | kubectl clbtask track - --region ap-guangzhou --wait`

const exitCodes = `Exit codes of track --wait, wait and retry:
  0    succeeded
  1    failed: the cloud says so, or the deadline of the task passed
  2    unknown: the cloud cannot tell how the request ended
  3    could not find out: wrong usage, no access, not installed, the task is deleted or suspended
  124  timed out: the operator still follows the request
  130  interrupted

The other commands exit with 0 or 3. Of several tasks the first of 1, 2, 3, 124 decides. On Windows kubectl makes 1 of every code but 0: call
kubectl-clbtask.exe there.`

// plugin is what all commands share.
type plugin struct {
	genericiooptions.IOStreams

	config *genericclioptions.ConfigFlags
}

// ended is the error of a command that has printed its result, and whose exit code says the rest.
type ended exit.Code

// Error implements error.
func (e ended) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs the plugin and returns its exit code.
func Run(ctx context.Context, streams genericiooptions.IOStreams, args []string) exit.Code {
	// What client-go logs of a connection that it tries again is not for users: the
	// commands say it themselves.
	klog.SetLogger(logr.Discard())
	config := genericclioptions.NewConfigFlags(true)
	return run(ctx, &plugin{streams, config}, args)
}

func run(ctx context.Context, p *plugin, args []string) exit.Code {
	p.config.WrapConfigFn = p.wrapped(p.config.WrapConfigFn)
	root := p.root() //nolint:contextcheck // Its commands take the context that cobra hands them.
	root.SetArgs(args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.ErrOut)
	err := root.ExecuteContext(ctx)
	var result ended
	switch {
	case err == nil:
		return exit.Succeeded
	case errors.As(err, &result):
		return exit.Code(result)
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(p.ErrOut, "interrupted")
		return exit.Interrupted
	}
	_, _ = fmt.Fprintf(p.ErrOut, "error: %v\n", explain(err))
	return exit.NotFoundOut
}

// wrapped leaves the rate of requests to the API server's own fairness, and says who asks.
func (*plugin) wrapped(next func(*rest.Config) *rest.Config) func(*rest.Config) *rest.Config {
	return func(config *rest.Config) *rest.Config {
		if next != nil {
			config = next(config)
		}
		config.QPS = -1
		config.UserAgent = "kubectl-clbtask/" + version.Get().Version
		return config
	}
}

func (p *plugin) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-clbtask",
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl clbtask"},
		Short:         "Track requests of Tencent Cloud's load balancer, and wait for their verdicts",
		Long:          about + "\n\n" + exitCodes,
		Version:       version.Get().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.CompletionOptions.DisableDefaultCmd = true // Those of cobra do not work behind kubectl.
	p.config.AddFlags(root.PersistentFlags())
	// It cannot fail: the flag is there.
	_ = root.RegisterFlagCompletionFunc("namespace", p.completeNamespaces)
	root.AddCommand(p.track(), p.wait(), p.list(), p.describe(), p.retry(), p.completion(), p.version())
	return root
}

func (p *plugin) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, which is that of the operator it was released with",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.Out, version.Get())
			return err
		},
	}
}
