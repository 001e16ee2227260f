package command

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

func (p *plugin) retry() *cobra.Command {
	w := &waiting{output: newOutput()}
	var wait bool
	cmd := &cobra.Command{
		Use:   "retry NAME...",
		Short: "Let the operator poll requests at once, and take up again those that are Unknown",
		Long: `Let the operator poll requests at once, and take up again those that are Unknown. It sets the annotation
` + v1alpha1.AnnotationReconcileRequestedAt + ` and waits until the operator has acted on it, which status.lastHandledReconcileAt says; with --wait it
goes on until the tasks have ended. A verdict never changes: a task that has one is not polled, and the exit code is that of the verdict.

` + exitCodes,
		Example:           "  kubectl clbtask retry mistyped-request --wait",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: p.completeTasks,
		RunE: func(cmd *cobra.Command, args []string) error {
			w.untilHandled = !wait
			return p.runRetry(cmd.Context(), args, w)
		},
	}
	w.addTo(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "Wait until the tasks have ended, and exit by how they did.")
	return cmd
}

func (p *plugin) runRetry(ctx context.Context, args []string, w *waiting) error {
	if err := w.check(); err != nil {
		return err
	}
	client, namespace, err := p.tasksOf(false)
	if err != nil {
		return err
	}
	// The operator acts on any new value. Two people may ask within a second.
	w.token = time.Now().UTC().Format(time.RFC3339) + "-" + string(uuid.NewUUID())
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{v1alpha1.AnnotationReconcileRequestedAt: w.token}}})
	if err != nil {
		return err
	}
	var keys []string
	for _, argument := range args {
		task, err := taskOf(ctx, client, argument)
		if err != nil {
			return err
		}
		verdict := task.Status.Phase == v1alpha1.PhaseSucceeded || task.Status.Phase == v1alpha1.PhaseFailed
		// Nor is a suspended one polled, which the waiting says.
		if !verdict && !task.Spec.Suspend {
			if _, err := client.Patch(ctx, task.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
				return err
			}
		}
		keys = append(keys, namespace+"/"+task.Name)
	}
	return p.waitFor(ctx, client, "", keys, w)
}
