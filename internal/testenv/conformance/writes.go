package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// write is one to an object, and what follows.
type write struct {
	write func(context.Context, client.Client, *v1alpha1.CLBTask) error
	fails func(error) bool
	check func(before, after *v1alpha1.CLBTask) bool
}

// unreadable is a status that the server refuses, since no program could read it that reads CLBTasks: a list with
// one such object would leave it blind. Of a field that is a time the schema's type alone does not tell.
func unreadable(field string) write {
	return write{
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			return status(ctx, c, task, "{\"status\":{"+field+"}}")
		},
		fails: apierrors.IsInvalid,
	}
}

func patch(text string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(text)) }

func status(ctx context.Context, c client.Client, task *v1alpha1.CLBTask, text string) error {
	return c.Status().Patch(ctx, task, patch(text))
}

var writes = map[string]write{
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
			if err := status(ctx, c, task, `{"status":{"message":"x"}}`); err != nil {
				return err
			}
			before := task.ResourceVersion
			if err := status(ctx, c, task, `{"status":{"phase":"Pending","message":"x"}}`); err != nil || task.ResourceVersion == before {
				return err
			}
			return errors.New("there is another version")
		},
	},
	"a status patch with a list for startTime is refused":               unreadable(`"startTime":[]`),
	"a status patch with a list for completionTime is refused":          unreadable(`"completionTime":["2026-01-01T00:00:00Z"]`),
	"a status patch with a list for the time of a condition is refused": unreadable(`"conditions":[{"type":"Ready","status":"True","reason":"A","message":"","lastTransitionTime":[]}]`),
	"a status patch with a number beyond 64 bits is refused":            unreadable(`"observedGeneration":1e20`),
	"a status patch from an earlier version conflicts": {
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			return status(ctx, c, task, `{"metadata":{"resourceVersion":"1"},"status":{"phase":"Running"}}`)
		},
		fails: apierrors.IsConflict,
	},
	"a status patch may name another uid": {
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			return status(ctx, c, task, `{"metadata":{"uid":"other"},"status":{"phase":"Running"}}`)
		},
		check: func(before, after *v1alpha1.CLBTask) bool {
			return after.Status.Phase == v1alpha1.PhaseRunning && after.UID == before.UID
		},
	},
	"a patch of another uid is invalid": {
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			return c.Patch(ctx, task, patch(`{"metadata":{"uid":"other"}}`))
		},
		fails: apierrors.IsInvalid,
	},
	"an update of another uid conflicts": {
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			task.UID = "other"
			return c.Update(ctx, task)
		},
		fails: apierrors.IsConflict,
	},
	"an update of the status of another uid conflicts": {
		write: func(ctx context.Context, c client.Client, task *v1alpha1.CLBTask) error {
			task.UID = "other"
			return c.Status().Update(ctx, task)
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
		write: func(ctx context.Context, c client.Client, before *v1alpha1.CLBTask) error {
			task := newTask(before.Namespace, "other")
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
			return c.Create(ctx, newTask(task.Namespace, task.Name))
		},
		fails: apierrors.IsAlreadyExists,
	},
	"a region is required": {
		write: func(ctx context.Context, c client.Client, before *v1alpha1.CLBTask) error {
			task := newTask(before.Namespace, "other")
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
}
