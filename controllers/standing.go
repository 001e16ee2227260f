package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// Standing makes the status that a task has by its spec and by the time alone,
// whatever the cloud would say. It is a pure function, like Decide. Again is
// ByAge where nothing keeps the task from being asked about.
func Standing(task *v1alpha1.CLBTask, streak Streak, now time.Time) Decision {
	w := writer{task: task, now: now, requestID: task.Status.APIRequestID}
	at, limited := deadline(task)
	switch {
	case task.Status.Phase.Final():
		return w.decision(w.observed(), Streak{}, Never)
	case task.Spec.Suspend:
		return w.decision(w.suspended(), Streak{}, WhenResumed)
	case limited && !now.Before(at):
		return w.decision(w.expired(), Streak{}, Never)
	case task.Status.Phase == v1alpha1.PhaseSuspended:
		return w.decision(w.resumed(), streak, ByAge)
	default:
		return w.unchanged(streak, ByAge)
	}
}

// deadline returns when a task fails without an outcome; false where it never
// does. It is a point in time, so nothing has to be kept to know it after a
// restart, and a suspension does not move it.
func deadline(task *v1alpha1.CLBTask) (time.Time, bool) {
	if task.Spec.ActiveDeadlineSeconds <= 0 {
		return time.Time{}, false
	}
	return task.CreationTimestamp.Add(time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second), true
}

// wake returns how long after now to look at an unfinished task though nothing
// happens: at its deadline, or after another time where that comes first. Zero
// is for no such time, in the argument and in the result.
func wake(task *v1alpha1.CLBTask, after time.Duration, now time.Time) time.Duration {
	at, limited := deadline(task)
	if !limited {
		return after
	}
	// The queue takes zero for never.
	left := max(at.Sub(now), 1)
	if after == 0 {
		return left
	}
	return min(after, left)
}

// observed is the status as it is, said of the task's present generation. The
// outcome holds for each, and a reader that compares generations (kstatus,
// kubectl wait) must not wait for ever because a finished task's spec changed.
func (w writer) observed() v1alpha1.CLBTaskStatus {
	status := *w.task.Status.DeepCopy()
	status.ObservedGeneration = w.task.Generation
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = w.task.Generation
	}
	return status
}

// news reports whether two statuses differ in what events and logs tell. One that
// only speaks of a later generation is none.
func news(old, next v1alpha1.CLBTaskStatus) bool {
	was, is := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(next.Conditions, v1alpha1.ConditionReady)
	return was == nil || is == nil || old.Phase != next.Phase || was.Status != is.Status || was.Reason != is.Reason || was.Message != is.Message
}
