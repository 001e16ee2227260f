package testenv_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

func TestWrites(t *testing.T) {
	patch := func(text string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(text)) }
	status := func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask, text string) error {
		return c.Status().Patch(ctx, task, patch(text))
	}
	for name, test := range map[string]struct {
		write func(context.Context, client.Client, *v1alpha1.CLBTask) error
		fails func(error) bool
		check func(before, after *v1alpha1.CLBTask) bool
	}{
		"a status patch changes the status alone": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, `{"metadata":{"labels":{"a":"b"}},"spec":{"suspend":true},"status":{"phase":"Running"}}`)
			},
			check: func(before, after *v1alpha1.CLBTask) bool {
				return after.Status.Phase == v1alpha1.PhaseRunning && !after.Spec.Suspend && len(after.Labels) == 0 &&
					after.Generation == 1 && after.ResourceVersion != before.ResourceVersion
			},
		},
		"a status patch that changes nothing keeps the version": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, `{"status":{"phase":"Pending","observedGeneration":-1}}`)
			},
			check: func(before, after *v1alpha1.CLBTask) bool { return after.ResourceVersion == before.ResourceVersion },
		},
		"a status patch from an earlier version conflicts": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, `{"metadata":{"resourceVersion":"1"},"status":{"phase":"Running"}}`)
			},
			fails: apierrors.IsConflict,
		},
		"a status patch of another uid conflicts": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, `{"metadata":{"uid":"other"},"status":{"phase":"Running"}}`)
			},
			fails: apierrors.IsConflict,
		},
		"a verdict is immutable": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				if err := status(ctx, c, task, `{"status":{"phase":"Failed"}}`); err != nil {
					return err
				}
				return status(ctx, c, task, `{"status":null}`)
			},
			fails: apierrors.IsInvalid,
		},
		"a phase must be one of the enum": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, `{"status":{"phase":"Done"}}`)
			},
			fails: apierrors.IsInvalid,
		},
		"a message has a limit": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, fmt.Sprintf(`{"status":{"message":%q}}`, strings.Repeat("x", v1alpha1.MaxMessageLength+1)))
			},
			fails: apierrors.IsInvalid,
		},
		"a message counts in characters": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return status(ctx, c, task, fmt.Sprintf(`{"status":{"message":%q}}`, strings.Repeat("界", v1alpha1.MaxMessageLength)))
			},
		},
		"a change of the spec raises the generation, and does not touch the status": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.Spec.Suspend, task.Status.Phase = true, v1alpha1.PhaseSucceeded
				return c.Update(ctx, task)
			},
			check: func(_, after *v1alpha1.CLBTask) bool {
				return after.Spec.Suspend && after.Generation == 2 && after.Status.Phase == v1alpha1.PhasePending
			},
		},
		"a label does not raise the generation": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return c.Patch(ctx, task, patch(`{"metadata":{"labels":{"a":"b"}}}`))
			},
			check: func(_, after *v1alpha1.CLBTask) bool { return after.Labels["a"] == "b" && after.Generation == 1 },
		},
		"a request ID is immutable": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.Spec.RequestID = "other"
				return c.Update(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"an order is no request": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.Spec.RequestID, task.Spec.DealName = "", "d-1"
				return c.Update(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"an order and a request are too much": {
			write: func(ctx context.Context, c client.Client, _ *v1alpha1.CLBTask) error {
				task := newTask("other")
				task.Spec.DealName = "d-1"
				return c.Create(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"an action may be set later": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.Spec.Action = "CreateRule"
				return c.Update(ctx, task)
			},
			check: func(_, after *v1alpha1.CLBTask) bool { return after.Spec.Action == "CreateRule" },
		},
		"an action is set once": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.Spec.Action = "CreateRule"
				if err := c.Update(ctx, task); err != nil {
					return err
				}
				task.Spec.Action = ""
				return c.Update(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"an update needs a version": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				task.ResourceVersion = ""
				return c.Update(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"a name is taken once": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return c.Create(ctx, newTask(task.Name))
			},
			fails: apierrors.IsAlreadyExists,
		},
		"a region is required": {
			write: func(ctx context.Context, c client.Client, _ *v1alpha1.CLBTask) error {
				task := newTask("other")
				task.Spec.Region = ""
				return c.Create(ctx, task)
			},
			fails: apierrors.IsInvalid,
		},
		"a deleted task is gone": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				if err := c.Delete(ctx, task); err != nil {
					return err
				}
				return c.Get(ctx, client.ObjectKeyFromObject(task), task)
			},
			fails: apierrors.IsNotFound,
		},
		"a deletion of another uid conflicts": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return c.Delete(ctx, task, client.Preconditions{UID: new(types.UID("other"))})
			},
			fails: apierrors.IsConflict,
		},
		"a deletion of an earlier version conflicts": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				version := task.ResourceVersion
				if err := c.Patch(ctx, task, patch(`{"metadata":{"labels":{"a":"b"}}}`)); err != nil {
					return err
				}
				return c.Delete(ctx, task, client.Preconditions{UID: &task.UID, ResourceVersion: &version})
			},
			fails: apierrors.IsConflict,
		},
		"a deletion whose preconditions hold succeeds": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				if err := c.Delete(ctx, task, client.Preconditions{UID: &task.UID, ResourceVersion: &task.ResourceVersion}); err != nil {
					return err
				}
				return c.Get(ctx, client.ObjectKeyFromObject(task), task)
			},
			fails: apierrors.IsNotFound,
		},
		"JSON patches are unsupported": {
			write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
				return c.Patch(ctx, task, client.RawPatch(types.JSONPatchType, []byte(`[]`)))
			},
			fails: apierrors.IsUnsupportedMediaType,
		},
		"other resources are missing": {
			write: func(ctx context.Context, c client.Client, _ *v1alpha1.CLBTask) error {
				return c.SubResource("scale").Get(ctx, newTask("task"), newTask("task"))
			},
			fails: apierrors.IsNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := testenv.New(t)
			before := create(t, cluster, "task")
			err := test.write(t.Context(), cluster.Client(), before.DeepCopy())
			if test.fails != nil {
				if !test.fails(err) {
					t.Errorf("error is %v", err)
				}
				return
			}
			must(t, err)
			after := new(v1alpha1.CLBTask)
			must(t, cluster.Client().Get(t.Context(), client.ObjectKeyFromObject(before), after))
			if test.check != nil && !test.check(before, after) {
				t.Errorf("task is %+v", after)
			}
		})
	}
}
