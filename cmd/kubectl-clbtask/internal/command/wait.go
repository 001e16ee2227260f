package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/follow"
)

// waiting are the flags of a command that waits.
type waiting struct {
	output

	timeout                         time.Duration
	failFast, allowSuspended, quiet bool

	token        string // As in follow.Options.
	untilHandled bool
}

func (w *waiting) addTo(cmd *cobra.Command) {
	w.output.addTo(cmd)
	cmd.Flags().DurationVar(&w.timeout, "timeout", 10*time.Minute, "How long to wait; 0 looks once, and a negative one waits until the end.")
	cmd.Flags().BoolVar(&w.failFast, "fail-fast", false, "End at the first task that ends without success; the default is to wait for all.")
	cmd.Flags().BoolVar(&w.allowSuspended, "allow-suspended", false, "Wait for suspended tasks, too, which somebody must resume.")
	cmd.Flags().BoolVarP(&w.quiet, "quiet", "q", false, "Do not say how things stand while waiting.")
}

func (p *plugin) wait() *cobra.Command {
	w := &waiting{output: newOutput()}
	var labels string
	var all, allNamespaces bool
	cmd := &cobra.Command{
		Use:   "wait (NAME... | -l SELECTOR | --all)",
		Short: "Wait until tasks have ended, and exit by how they did",
		Long: `Wait until tasks have ended, and exit by how they did. It looks first, and then watches all of them at once. The result is on standard output, and
how things stand meanwhile on standard error.

` + exitCodes,
		Example: `  kubectl clbtask wait bind-backends
  kubectl clbtask wait --all --timeout 30m
  kubectl clbtask wait -l app=web -o json`,
		ValidArgsFunction: p.completeTasks,
		RunE: func(cmd *cobra.Command, args []string) error {
			if ways := number(len(args) > 0) + number(labels != "") + number(all); ways != 1 {
				return errors.New("give names, or --selector, or --all")
			}
			if len(args) > 0 && allNamespaces {
				return errors.New("a task is named in one namespace: give --all or --selector with --all-namespaces")
			}
			if err := w.check(); err != nil {
				return err
			}
			client, namespace, err := p.tasksOf(allNamespaces)
			if err != nil {
				return err
			}
			keys := make([]string, len(args))
			for i, argument := range args {
				name, err := nameOf(argument)
				if err != nil {
					return err
				}
				keys[i] = namespace + "/" + name
			}
			return p.waitFor(cmd.Context(), client, labels, keys, w)
		},
	}
	w.addTo(cmd)
	cmd.Flags().StringVarP(&labels, "selector", "l", "", "Wait for the tasks that have these labels, as in kubectl get.")
	cmd.Flags().BoolVar(&all, "all", false, "Wait for all tasks that there are in the namespace.")
	cmd.Flags().BoolVarP(&allNamespaces, "all-namespaces", "A", false, "With --all or --selector, those of all namespaces.")
	return cmd
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// waitFor waits for tasks, prints the results and returns the exit code as an error.
func (p *plugin) waitFor(ctx context.Context, client tasks, labels string, keys []string, w *waiting) error {
	source := selected{tasks: client, labels: labels}
	if len(keys) == 1 {
		task := follow.Task{Key: keys[0]}
		source.fields = named(task.Name())
	}
	results, err := follow.Wait(ctx, source, keys, follow.Options{
		Timeout: w.timeout, FailFast: w.failFast, AllowSuspended: w.allowSuspended, Token: w.token, UntilHandled: w.untilHandled,
		Progress: &follow.Progress{Out: p.ErrOut, Width: p.width(), Quiet: w.quiet},
	})
	switch {
	case err != nil:
		return err
	case len(results) == 0:
		return errors.New("there is no such CLBTask: nothing to wait for")
	}
	return p.results(results, w)
}

// results prints how tasks have ended: on standard output, and in words on standard error if
// -o asks for something else there.
func (p *plugin) results(results []*follow.Task, w *waiting) error {
	var codes []exit.Code
	var objects []v1alpha1.CLBTask
	for _, task := range results {
		codes = append(codes, task.Code)
		what := oneLine(task.Result(time.Now()))
		switch {
		case task.Object == nil || w.custom() && task.Code != exit.Succeeded:
			_, _ = fmt.Fprintf(p.ErrOut, "%s %s\n", task.Name(), what)
		case !w.custom():
			if err := w.line(p.Out, task.Object, what); err != nil {
				return err
			}
		}
		if task.Object != nil {
			objects = append(objects, *task.Object)
		}
	}
	if w.custom() && len(objects) > 0 {
		if err := w.objects(p.Out, objects); err != nil {
			return err
		}
	}
	code := exit.Of(codes...)
	switch code {
	case exit.TimedOut:
		_, _ = fmt.Fprintf(p.ErrOut, "timed out after %s; the operator goes on: kubectl clbtask wait waits again\n", max(w.timeout, 0))
	case exit.Interrupted:
		_, _ = fmt.Fprintln(p.ErrOut, "interrupted; the operator goes on: kubectl clbtask wait waits again")
	case exit.Succeeded:
		return nil
	case exit.Failed, exit.Unknown, exit.NotFoundOut:
	}
	return ended(code)
}

// width returns the width of the terminal that progress goes to, nil if there is none.
func (p *plugin) width() func() int {
	file, ok := p.ErrOut.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() int {
		columns, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return columns
	}
}
