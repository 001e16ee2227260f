package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/follow"
)

// listing are the flags of list.
type listing struct {
	output

	labels, fields           string
	allNamespaces, noHeaders bool
}

func (p *plugin) list() *cobra.Command {
	l := &listing{output: newOutput()}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List tasks, with how long each has taken",
		Example: `  kubectl clbtask list -A
  kubectl clbtask list --field-selector status.phase=Running
  kubectl clbtask list -l app=web -o wide`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return p.runList(cmd.Context(), l) },
	}
	l.addTo(cmd, "wide")
	cmd.Flags().StringVarP(&l.labels, "selector", "l", "", "List the tasks that have these labels, as in kubectl get.")
	cmd.Flags().StringVar(&l.fields, "field-selector", "", "List the tasks with these fields: metadata.name, spec.region or status.phase.")
	cmd.Flags().BoolVarP(&l.allNamespaces, "all-namespaces", "A", false, "List the tasks of all namespaces.")
	cmd.Flags().BoolVar(&l.noHeaders, "no-headers", false, "Do not print the headers.")
	return cmd
}

func (p *plugin) runList(ctx context.Context, l *listing) error {
	wide := *l.flags.OutputFormat == "wide"
	if wide {
		*l.flags.OutputFormat = ""
	}
	if err := l.check(); err != nil {
		return err
	}
	client, namespace, err := p.tasksOf(l.allNamespaces)
	if err != nil {
		return err
	}
	found, err := client.all(ctx, metav1.ListOptions{LabelSelector: l.labels, FieldSelector: l.fields})
	if err != nil {
		return err
	}
	if l.custom() {
		return l.objects(p.Out, found)
	}
	if len(found) == 0 {
		where := "in namespace " + namespace
		if l.allNamespaces {
			where = "in any namespace"
		}
		_, err := fmt.Fprintf(p.ErrOut, "No CLBTasks %s.\n", where)
		return err
	}
	printer := printers.NewTablePrinter(printers.PrintOptions{WithNamespace: l.allNamespaces, Wide: wide, NoHeaders: l.noHeaders})
	out := printers.GetNewTabWriter(p.Out)
	if err := printer.PrintObj(table(found, time.Now()), out); err != nil {
		return err
	}
	return out.Flush()
}

// columns are those of the CRD, and how long a task has taken.
var columns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name"},
	{Name: "Phase", Type: "string"},
	{Name: "Reason", Type: "string"},
	{Name: "Action", Type: "string"},
	{Name: "Region", Type: "string"},
	{Name: "Request ID", Type: "string"},
	{Name: "Duration", Type: "string"},
	{Name: "Age", Type: "string"},
	{Name: "Message", Type: "string", Priority: 1},
}

func table(tasks []v1alpha1.CLBTask, now time.Time) *metav1.Table {
	found := &metav1.Table{ColumnDefinitions: columns}
	for i := range tasks {
		task := &tasks[i]
		ready := follow.Ready(task)
		found.Rows = append(found.Rows, metav1.TableRow{
			Object: runtime.RawExtension{Object: task},
			Cells: []any{
				task.Name, string(task.Status.Phase), ready.Reason, task.Spec.Action, task.Spec.Region, idOf(task),
				taken(task, now), duration.HumanDuration(now.Sub(task.CreationTimestamp.Time)), oneLine(ready.Message),
			},
		})
	}
	return found
}

// taken returns how long a task took from its creation to its end, or has taken until now.
func taken(task *v1alpha1.CLBTask, now time.Time) string {
	if end := task.Status.CompletionTime; end != nil {
		now = end.Time
	}
	return duration.HumanDuration(now.Sub(task.CreationTimestamp.Time))
}
