package controllers_test

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// simulatedProblems are the reasons of those that the simulation brings about.
var simulatedProblems = []string{
	v1alpha1.ReasonThrottled, v1alpha1.ReasonAPIUnavailable, v1alpha1.ReasonAPIUnreachable, v1alpha1.ReasonUnexpectedAnswer,
	v1alpha1.ReasonCredentialsMissing, v1alpha1.ReasonCredentialsRejected, v1alpha1.ReasonClockSkew, v1alpha1.ReasonAccessDenied,
	v1alpha1.ReasonQueryRefused, v1alpha1.ReasonTaskNotFound,
}

// simulatedRows are all that a status of the simulation may read.
var simulatedRows = func() map[string]bool {
	rows := map[string]bool{
		matrix.Pending: true, matrix.Running: true, matrix.Suspended: true, matrix.Succeeded: true, matrix.Failed: true, matrix.Expired: true,
		matrix.UnknownWith(v1alpha1.ReasonTaskNotFound): true,
	}
	for _, reason := range simulatedProblems {
		rows[matrix.PendingWith(reason)], rows[matrix.RunningWith(reason)] = true, true
	}
	return rows
}()

// unknownTask is the code that refuses a request that the cloud does not know.
const unknownTask = "InvalidParameter"

func isUnknown(c clbsim.Call) bool { return c.Code == unknownTask }

// wrong returns what is wrong with a status that the operator has written, or nothing.
func (s *simulation) wrong(l *life, before, after *v1alpha1.CLBTask) string {
	was, is := before.Status, after.Status
	reason := is.Conditions[0].Reason
	switch token := after.Annotations[v1alpha1.AnnotationReconcileRequestedAt]; {
	case !simulatedRows[matrix.Row(is)]:
		return "reads as none may"
	case matrix.Row(was) != matrix.Row(is) && !ofGeneration(after):
		return "speaks of another generation"
	case !slices.EqualFunc(is.Conditions, was.Conditions, keepsTransition) && slices.ContainsFunc(is.Conditions, func(c metav1.Condition) bool {
		old := meta.FindStatusCondition(was.Conditions, c.Type)
		return old != nil && !keepsTransition(c, *old)
	}):
		return "has another transition time without a transition"
	case is.LastHandledReconcileAt != was.LastHandledReconcileAt && is.LastHandledReconcileAt != token:
		return "names a token that nobody gave"
	case was.Phase == v1alpha1.PhaseUnknown && is.Phase != was.Phase && is.LastHandledReconcileAt == was.LastHandledReconcileAt:
		return "is reopened, and nobody asked for it"
	case !is.Phase.Final() && (is.Phase == v1alpha1.PhaseSuspended) != after.Spec.Suspend:
		return "disagrees with the spec about its suspension"
	case is.Phase != v1alpha1.PhaseSucceeded && len(is.LoadBalancerIDs) > 0 || !is.Phase.Final() && is.Message != "":
		return "says what no verdict says"
	case !s.timely(l, was, is):
		return "has times that cannot be"
	case reason == v1alpha1.ReasonTaskSucceeded && (is.Message != "" || len(is.LoadBalancerIDs) != 1 || is.LoadBalancerIDs[0] != "lb-1"),
		reason == v1alpha1.ReasonTaskFailed && is.Message != "No room.":
		return "does not say what the cloud answered"
	case reason == v1alpha1.ReasonTaskNotFound && was.Conditions[0].Reason != reason && !slices.ContainsFunc(s.callsFor(after), isUnknown):
		return "says that the cloud does not know the request, which the cloud did not say"
	case reason == v1alpha1.ReasonDeadlineExceeded && !was.Phase.Final() && !s.expired(l, after):
		return "gives the task up too early"
	case is.Phase == v1alpha1.PhaseUnknown && !was.Phase.Final() && !s.refused(l, after):
		return "gives the request up too early"
	}
	return ""
}

func ofGeneration(task *v1alpha1.CLBTask) bool {
	return task.Status.ObservedGeneration == task.Generation && !slices.ContainsFunc(task.Status.Conditions, func(c metav1.Condition) bool {
		return c.ObservedGeneration != task.Generation
	})
}

// keepsTransition reports whether a condition has the transition time that it had, if it should.
func keepsTransition(is, was metav1.Condition) bool {
	return is.Status != was.Status || was.LastTransitionTime.Unix() == 0 || is.LastTransitionTime.Equal(&was.LastTransitionTime)
}

// timely checks the start and the end of a task: each is when a status was decided upon that follows the one before.
func (s *simulation) timely(l *life, was, is v1alpha1.CLBTaskStatus) bool {
	now := func(at *metav1.Time) bool {
		return !at.Time.Before(l.changed.Truncate(time.Second)) && !at.After(time.Now())
	}
	start, kept := is.StartTime, is.StartTime.Equal(was.StartTime)
	switch {
	case is.Phase == v1alpha1.PhaseRunning && start == nil, (is.Phase == v1alpha1.PhasePending || is.Phase == v1alpha1.PhaseSuspended) && start != nil:
		return false
	case start != nil && !kept && (was.StartTime != nil && was.Phase != v1alpha1.PhaseUnknown || !now(start)):
		return false
	case is.CompletionTime != nil && !is.CompletionTime.Equal(was.CompletionTime) && (was.CompletionTime != nil || !now(is.CompletionTime)):
		return false
	}
	return true
}

// expired reports whether a task may fail at its deadline: after a poll that the cloud answered then, or two
// minutes later. What a fault answered may have been an answer.
func (s *simulation) expired(l *life, task *v1alpha1.CLBTask) bool {
	start := l.born.Truncate(time.Second)
	if task.Status.StartTime != nil {
		start = task.Status.StartTime.Time
	}
	deadline := start.Add(time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second)
	return time.Since(deadline) >= 2*time.Minute || slices.ContainsFunc(s.callsFor(task), func(c clbsim.Call) bool {
		return c.Code == "" && (c.Fault == "" || c.Fault == clbsim.HTTPResponse) && !c.At.Before(deadline)
	})
}

// refused reports whether a replica was told three times in a row, for half a minute and after the grace,
// that nobody knows a request: for ten minutes if it had heard of the request before, for this object. The
// grace is that of the first object of the request.
func (s *simulation) refused(of *life, task *v1alpha1.CLBTask) bool {
	born := time.Now()
	for _, l := range s.life {
		if requestOf(l.last) == requestOf(task) && l.born.Before(born) {
			born = l.born
		}
	}
	type row struct {
		count       int
		first, last time.Time
		answered    bool
	}
	rows := map[string]row{}
	for _, c := range s.callsFor(task) {
		r := rows[c.Client]
		if c.At.Sub(r.last) > 2*time.Minute { // If it missed this object's creation, it may have forgotten what another one's polls brought.
			r.answered = false
		}
		switch {
		case c.Code == "" && c.Fault == "" && s.togetherWithin(c.At, c.At.Add(time.Second)): // Its answer may be lost.
		case c.Code == "" && c.Fault == "":
			r = row{answered: !c.At.Before(of.born)}
		case c.Code == unknownTask:
			if r.count == 0 {
				r.first = c.At
			}
			r.count++
			lasting := 30 * time.Second
			if r.answered {
				lasting = 10 * time.Minute
			}
			if r.count >= 3 && c.At.Sub(r.first) >= lasting && c.At.Sub(born) >= 2*time.Minute {
				return true
			}
		}
		r.last = c.At
		rows[c.Client] = r
	}
	return false
}
