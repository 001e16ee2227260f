package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// writer makes the statuses of the state matrix for one task.
type writer struct {
	task      *v1alpha1.CLBTask
	now       time.Time
	requestID string
}

func (w writer) unchanged(streak Streak, again Again) Decision {
	return Decision{Status: w.task.Status, Streak: streak, Again: again}
}

// decision compares: a status that differs in nothing but the request ID of the
// call behind it is not worth a write.
func (w writer) decision(next v1alpha1.CLBTaskStatus, streak Streak, again Again) Decision {
	compared := next
	compared.APIRequestID = w.task.Status.APIRequestID
	if equality.Semantic.DeepEqual(compared, w.task.Status) {
		return w.unchanged(streak, again)
	}
	return Decision{Status: next, Changed: true, Streak: streak, Again: again}
}

// next returns a status with the given phase and conditions. A condition keeps
// its transition time while its status stays the same, unless that time is the
// schema's default.
func (w writer) next(phase v1alpha1.Phase, conditions ...metav1.Condition) v1alpha1.CLBTaskStatus {
	old := w.task.Status
	status := v1alpha1.CLBTaskStatus{
		ObservedGeneration: w.task.Generation,
		Phase:              phase,
		StartTime:          old.StartTime,
		APIRequestID:       cut(w.requestID, v1alpha1.MaxIDLength),
	}
	for _, c := range conditions {
		c.ObservedGeneration = w.task.Generation
		c.LastTransitionTime = metav1.NewTime(w.now)
		if was := meta.FindStatusCondition(old.Conditions, c.Type); was != nil && was.Status == c.Status && was.LastTransitionTime.Unix() != 0 {
			c.LastTransitionTime = was.LastTransitionTime
		}
		status.Conditions = append(status.Conditions, c)
	}
	return status
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

func (w writer) started(status *v1alpha1.CLBTaskStatus) {
	if status.StartTime == nil {
		status.StartTime = new(metav1.NewTime(w.now))
	}
}

func (w writer) running() v1alpha1.CLBTaskStatus {
	const reason, text = v1alpha1.ReasonInProgress, "The task is in progress."
	status := w.next(v1alpha1.PhaseRunning,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
		condition(v1alpha1.ConditionRunning, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, text),
	)
	w.started(&status)
	return status
}

func (w writer) succeeded(answer clb.Answer) v1alpha1.CLBTaskStatus {
	const reason = v1alpha1.ReasonTaskSucceeded
	text := "The task succeeded" + behind(answer.RequestID) + "."
	status := w.next(v1alpha1.PhaseSucceeded,
		condition(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionTrue, reason, text),
	)
	w.ended(&status, answer)
	return status
}

func (w writer) failed(answer clb.Answer) v1alpha1.CLBTaskStatus {
	const reason = v1alpha1.ReasonTaskFailed
	text := failedSentence(answer)
	status := w.next(v1alpha1.PhaseFailed,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionFailed, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, text),
	)
	w.ended(&status, answer)
	return status
}

func (w writer) ended(status *v1alpha1.CLBTaskStatus, answer clb.Answer) {
	w.started(status)
	status.CompletionTime = new(metav1.NewTime(w.now))
	status.Message = cut(answer.Message, v1alpha1.MaxMessageLength)
	status.LoadBalancerIDs = loadBalancers(answer.LoadBalancerIDs)
}

// unknown ends a task without an outcome: nobody can tell.
func (w writer) unknown(problem clb.Problem, err *clb.Error) v1alpha1.CLBTaskStatus {
	reason, text := string(problem), finalSentence(problem, w.task.Spec, err)
	status := w.next(v1alpha1.PhaseUnknown,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, text),
	)
	status.CompletionTime = new(metav1.NewTime(w.now))
	status.Message = cut(err.Message, v1alpha1.MaxMessageLength)
	return status
}

// suspended says that nothing is asked, and claims nothing of the task.
func (w writer) suspended() v1alpha1.CLBTaskStatus {
	const reason, text = v1alpha1.ReasonSuspended, "The task is suspended: nothing is asked about it while spec.suspend is true."
	return w.next(v1alpha1.PhaseSuspended,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
	)
}

// resumed is the row of a fresh task, but observed: what was known before the
// suspension may have changed since.
func (w writer) resumed() v1alpha1.CLBTaskStatus {
	const reason, text = v1alpha1.ReasonPending, "The task is resumed and waits for the cloud's answer."
	return w.next(v1alpha1.PhasePending,
		condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
	)
}

// expired ends a task at its deadline. It says nothing of the request.
func (w writer) expired() v1alpha1.CLBTaskStatus {
	const reason = v1alpha1.ReasonDeadlineExceeded
	text := deadlineSentence(w.task.Spec)
	status := w.next(v1alpha1.PhaseFailed,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionFailed, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, text),
	)
	status.CompletionTime = new(metav1.NewTime(w.now))
	return status
}

// trouble says why there is no answer at present; that the task is running, where
// it was so, stays as last known.
func (w writer) trouble(problem clb.Problem, err *clb.Error, streak Streak) v1alpha1.CLBTaskStatus {
	old := w.task.Status
	reason, text := string(problem), troubleSentence(problem, w.task.Spec, err)
	if w.shown() == problem && (problem == clb.ProblemClockSkew || w.now.Sub(streak.CodeSince) < lastingAfter) {
		// A skew is measured anew each time; the first figure is good enough. And
		// where the code changes from call to call, the first of them is.
		text = meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady).Message
	}
	conditions := []metav1.Condition{
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
	}
	phase := v1alpha1.PhasePending
	if running := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionRunning); running != nil {
		phase = v1alpha1.PhaseRunning
		conditions = append(conditions, *running)
	}
	conditions = append(conditions, condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, text))
	return w.next(phase, conditions...)
}

// shown returns the problem that the status speaks of at present, or none.
func (w writer) shown() clb.Problem {
	ready := meta.FindStatusCondition(w.task.Status.Conditions, v1alpha1.ConditionReady)
	reconciling := meta.FindStatusCondition(w.task.Status.Conditions, v1alpha1.ConditionReconciling)
	if ready == nil || reconciling == nil || ready.Reason == v1alpha1.ReasonInProgress {
		return ""
	}
	return clb.Problem(ready.Reason)
}
