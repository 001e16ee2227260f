package command

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/follow"
)

// reasonsFile is made by `make generate` from the comments that docs/reference.md shows.
//
//go:embed reasons.json
var reasonsFile []byte

// reason is what a reason means, and what to do about it; that is empty if nothing is to be done.
type reason struct{ Name, Meaning, Remedy string }

var reasons = func() map[string]reason {
	var list []reason
	utilruntime.Must(json.Unmarshal(reasonsFile, &list))
	found := map[string]reason{}
	for _, r := range list {
		found[r.Name] = r
	}
	return found
}()

func (p *plugin) describe() *cobra.Command {
	return &cobra.Command{
		Use:               "describe NAME...",
		Short:             "Explain how tasks stand, and what to do",
		Example:           "  kubectl clbtask describe bind-backends",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeTasks,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, _, err := p.tasksOf(false)
			if err != nil {
				return err
			}
			for i, argument := range args {
				if i > 0 {
					_, _ = fmt.Fprintln(p.Out)
				}
				if err := p.describeOne(cmd.Context(), client, argument); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (p *plugin) describeOne(ctx context.Context, client tasks, argument string) error {
	task, err := taskOf(ctx, client, argument)
	if err != nil {
		return err
	}
	out := printers.GetNewTabWriter(p.Out)
	for _, line := range description(task, time.Now()) {
		write(out, line[0], line[1])
	}
	return out.Flush()
}

// taskOf reads the task that an argument names.
func taskOf(ctx context.Context, client tasks, argument string) (*v1alpha1.CLBTask, error) {
	name, err := nameOf(argument)
	if err != nil {
		return nil, err
	}
	return client.Get(ctx, name, metav1.GetOptions{})
}

// write writes one line, unless there is nothing to say.
func write(out io.Writer, title, text string) {
	if text != "" {
		_, _ = fmt.Fprintf(out, "%s:\t%s\n", title, text)
	}
}

func description(task *v1alpha1.CLBTask, now time.Time) [][2]string {
	ready := follow.Ready(task)
	why := reasons[ready.Reason]
	if !follow.Seen(task) && now.Sub(task.CreationTimestamp.Time) > 15*time.Second {
		why.Remedy = fmt.Sprintf("See whether clbtask-operator runs and watches the namespace %s. If so, the first poll may wait for the quota.", task.Namespace)
	}
	deadline := ""
	if seconds := task.Spec.ActiveDeadlineSeconds; seconds > 0 {
		deadline = (time.Duration(seconds) * time.Second).String()
	}
	ttl := ""
	if seconds := task.Spec.TTLSecondsAfterFinished; seconds != nil {
		ttl = (time.Duration(*seconds) * time.Second).String() + " after its end"
	}
	moment := func(t *metav1.Time) string {
		if t == nil {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	phase := string(task.Status.Phase)
	if task.Status.Phase.Final() {
		phase += ", after " + taken(task, now)
	} else {
		phase += ", for " + taken(task, now)
	}
	return [][2]string{
		{"Name", task.Name},
		{"Namespace", task.Namespace},
		{"Product", string(task.Spec.Product)},
		{"Action", task.Spec.Action},
		{"Request ID", task.Spec.RequestID},
		{"Deal name", task.Spec.DealName},
		{"Region", task.Spec.Region},
		{"Deadline", deadline},
		{"Deleted", ttl},
		{"Created", moment(&task.CreationTimestamp)},
		{"First answer", moment(task.Status.StartTime)},
		{"Completed", moment(task.Status.CompletionTime)},
		{"Load balancers", strings.Join(task.Status.LoadBalancerIDs, ", ")},
		{"API request ID", task.Status.APIRequestID},
		{"Phase", phase},
		{"Reason", ready.Reason},
		{"Message", oneLine(ready.Message)},
		{"It means", why.Meaning},
		{"What to do", why.Remedy},
	}
}
