package follow

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

// Task is a task as it was last seen.
type Task struct {
	Key string // NAMESPACE/NAME.
	// Object is nil if there is no such task.
	Object *v1alpha1.CLBTask
	// Deleted says that the task was deleted before it had ended.
	Deleted bool
	// Ended says that waiting for it makes no sense any more.
	Ended bool
	Code  exit.Code

	polled bool      // The operator has acted on the annotation, and that is all that is waited for.
	since  time.Time // It has stood so for that long at least.
}

// Name returns the name without the namespace.
func (t *Task) Name() string {
	_, name, _ := strings.Cut(t.Key, "/")
	return name
}

// Ready returns the condition that says how a task stands.
func Ready(task *v1alpha1.CLBTask) metav1.Condition {
	return *cmp.Or(meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady), &metav1.Condition{})
}

// Seen reports whether an operator has written a status, which it does at the first answer or problem.
func Seen(task *v1alpha1.CLBTask) bool { return task.Status.ObservedGeneration >= 0 }

// see takes a state of the object, and reports whether it differs from the last one in what
// a person wants to know.
func (t *Task) see(object *v1alpha1.CLBTask, o *Options, now time.Time) (changed bool) {
	before := t.text()
	t.Object, t.Deleted = object, false
	t.Ended, t.Code, t.polled = false, exit.TimedOut, false
	handled := o.handled(object)
	switch object.Status.Phase {
	case v1alpha1.PhaseSucceeded:
		t.Ended, t.Code = true, exit.Succeeded
	case v1alpha1.PhaseFailed:
		t.Ended, t.Code = true, exit.Failed
	case v1alpha1.PhaseUnknown:
		if handled { // Else it is about to be taken up again.
			t.Ended, t.Code = true, exit.Unknown
		}
	default:
		switch {
		// The phase follows the field; who has just resumed a task may wait for it.
		case object.Spec.Suspend && !o.AllowSuspended:
			t.Ended, t.Code = true, exit.NotFoundOut
		case handled && o.UntilHandled:
			t.Ended, t.Code, t.polled = true, exit.Succeeded, true
		}
	}
	changed = t.text() != before
	if changed {
		t.since = now
	}
	return changed
}

// lose notes that the task is not there. A verdict that was seen stays.
func (t *Task) lose() {
	if t.Ended && t.Code != exit.NotFoundOut {
		return
	}
	t.Ended, t.Code, t.Deleted = true, exit.NotFoundOut, t.Object != nil
}

// text says how the task stands, in some words.
func (t *Task) text() string {
	switch {
	case t.Deleted:
		return "deleted before it had ended"
	case t.Object == nil:
		return "not found"
	}
	ready := Ready(t.Object)
	text := string(t.Object.Status.Phase)
	if t.Object.Spec.Suspend && !t.Object.Status.Phase.Final() {
		text = string(v1alpha1.PhaseSuspended)
	}
	if ready.Reason != "" && ready.Reason != text {
		text += ", " + ready.Reason
	}
	if ready.Message != "" {
		text += ": " + ready.Message
	}
	return text
}

// Result says how waiting for the task has ended, as "succeeded" or "failed: ...".
func (t *Task) Result(now time.Time) string {
	if t.Object == nil || t.Deleted {
		return t.text()
	}
	message := Ready(t.Object).Message
	if t.polled {
		return "polled again: " + t.text()
	}
	switch t.Code {
	case exit.Succeeded:
		if ids := t.Object.Status.LoadBalancerIDs; len(ids) > 0 {
			return "succeeded: " + strings.Join(ids, ", ")
		}
		return "succeeded"
	case exit.Failed:
		return "failed: " + message
	case exit.Unknown:
		return "unknown: " + message
	case exit.NotFoundOut:
		return "suspended: spec.suspend keeps it from being polled; set it to false, or wait with --allow-suspended"
	case exit.TimedOut, exit.Interrupted:
		text := fmt.Sprintf("not finished: for %s it has been %s", now.Sub(t.since).Round(time.Second), t.text())
		if !Seen(t.Object) {
			text += ". " + noAnswer(t.Object.Namespace)
		}
		return text
	}
	return t.text()
}

func noAnswer(namespace string) string {
	return fmt.Sprintf("No answer for it yet: does clbtask-operator run, and watch the namespace %s? If so, the first poll may wait for the quota.", namespace)
}
