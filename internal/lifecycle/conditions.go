package lifecycle

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// writer makes the statuses of the state matrix for one task.
type writer struct {
	task   *v1alpha1.CLBTask
	before v1alpha1.CLBTaskStatus // What the object says. That of task lacks what no longer holds.
	now    time.Time
	force  force
	// restart says that the task is resumed or reopened.
	restart bool
}

// handled adds the token of the annotation to a status if a poll was forced for it.
func (w writer) handled(status v1alpha1.CLBTaskStatus) v1alpha1.CLBTaskStatus {
	if w.force.handled {
		status.LastHandledReconcileAt = w.force.token
	}
	return status
}

// next returns a status with the given phase and conditions, and with the request ID
// of the call behind it; an empty one leaves the last. A condition keeps its
// transition time while its status stays the same, unless that time is the schema's
// default.
func (w writer) next(phase v1alpha1.Phase, requestID string, conditions ...metav1.Condition) v1alpha1.CLBTaskStatus {
	old := w.task.Status
	if requestID == "" {
		requestID = old.APIRequestID
	}
	status := v1alpha1.CLBTaskStatus{
		ObservedGeneration: w.task.Generation,
		Phase:              phase,
		StartTime:          old.StartTime,
		APIRequestID:       truncate(requestID, v1alpha1.MaxIDLength),

		LastHandledReconcileAt: old.LastHandledReconcileAt,
	}
	for _, c := range conditions {
		c.ObservedGeneration = w.task.Generation
		c.LastTransitionTime = metav1.NewTime(w.now)
		if was := meta.FindStatusCondition(old.Conditions, c.Type); was != nil && was.Status == c.Status && was.LastTransitionTime.Unix() != 0 {
			c.LastTransitionTime = was.LastTransitionTime
		}
		status.Conditions = append(status.Conditions, c)
	}
	return w.handled(status)
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message}
}

func (w writer) started(status *v1alpha1.CLBTaskStatus) {
	if status.StartTime == nil {
		status.StartTime = new(metav1.NewTime(w.now))
	}
}

func (w writer) completed(status *v1alpha1.CLBTaskStatus) {
	status.CompletionTime = new(metav1.NewTime(w.now))
}

// decided is completed for a verdict, after which no annotation forces a poll.
func (w writer) decided(status *v1alpha1.CLBTaskStatus) {
	w.completed(status)
	status.LastHandledReconcileAt = cmp.Or(w.force.token, status.LastHandledReconcileAt)
}

// unfinished is the row of a task without a verdict that is not in progress.
func (w writer) unfinished(phase v1alpha1.Phase, reason, text string) v1alpha1.CLBTaskStatus {
	return w.next(phase, "",
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
	)
}

// suspended says that the task is not polled, and nothing of the task. As in a Job, the
// time that it was active before does not count.
func (w writer) suspended() v1alpha1.CLBTaskStatus {
	status := w.unfinished(v1alpha1.PhaseSuspended, v1alpha1.ReasonSuspended, "The task is suspended: it is not polled while spec.suspend is true.")
	status.StartTime = nil
	return status
}

// resumed is the row of a fresh task, but observed: what was known before the
// suspension or the end may have changed since.
func (w writer) resumed() v1alpha1.CLBTaskStatus {
	text := "The task is resumed and waits for the cloud's answer."
	if w.before.Phase.Final() {
		text = "The task is polled again, as its annotation asks, and waits for the cloud's answer."
	}
	return w.unfinished(v1alpha1.PhasePending, v1alpha1.ReasonPending, text)
}

// wasResumed reports whether an unfinished task was resumed or reopened and not answered since,
// as far as the status tells: it is what resumed returns, or it names the call of an
// answer from before.
func wasResumed(status v1alpha1.CLBTaskStatus) bool {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	awaits := ready != nil && ready.Reason == v1alpha1.ReasonPending && ready.ObservedGeneration > 0
	return awaits || status.StartTime == nil && status.APIRequestID != ""
}

const inProgressText = "The task is in progress."

func (w writer) running(requestID string) v1alpha1.CLBTaskStatus {
	const reason, text = v1alpha1.ReasonInProgress, inProgressText
	status := w.next(v1alpha1.PhaseRunning, requestID,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
		condition(v1alpha1.ConditionRunning, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, text),
	)
	w.started(&status)
	return status
}

// trouble says why there is no answer at present; a task that was in progress stays
// so, as last known.
func (w writer) trouble(failure *Failure, history History) v1alpha1.CLBTaskStatus {
	p := problems[failure.Problem]
	reason, text := p.reason, p.ongoing(w.task.Spec, failure)
	conditions := []metav1.Condition{
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
	}
	phase := v1alpha1.PhasePending
	running := history.Status != nil || meta.IsStatusConditionTrue(w.task.Status.Conditions, v1alpha1.ConditionRunning)
	if running {
		phase = v1alpha1.PhaseRunning
		conditions = append(conditions, condition(v1alpha1.ConditionRunning, metav1.ConditionTrue, v1alpha1.ReasonInProgress, inProgressText))
	}
	conditions = append(conditions, condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, text))
	status := w.next(phase, "", conditions...)
	if running {
		w.started(&status)
	}
	return status
}

// verdict is the row of a task that the API has decided.
func (w writer) verdict(answer clb.TaskStatus) v1alpha1.CLBTaskStatus {
	var status v1alpha1.CLBTaskStatus
	if answer.State == clb.Succeeded {
		const reason = v1alpha1.ReasonTaskSucceeded
		text := "The task succeeded" + ofCall(answer.RequestID) + "."
		status = w.next(v1alpha1.PhaseSucceeded, answer.RequestID,
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, text),
			condition(v1alpha1.ConditionSucceeded, metav1.ConditionTrue, reason, text),
		)
	} else {
		status = w.failed(answer.RequestID, v1alpha1.ReasonTaskFailed, failedText(answer))
	}
	w.started(&status)
	w.decided(&status)
	status.Message = truncate(answer.Message, v1alpha1.MaxMessageLength)
	status.LoadBalancerIDs = loadBalancers(answer.LoadBalancerIDs)
	return status
}

func (w writer) failed(requestID, reason, text string) v1alpha1.CLBTaskStatus {
	return w.next(v1alpha1.PhaseFailed, requestID,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionFailed, metav1.ConditionTrue, reason, text),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, text),
	)
}

// expired ends a task at its deadline. It says nothing of the request.
func (w writer) expired(answered bool) v1alpha1.CLBTaskStatus {
	status := w.failed("", v1alpha1.ReasonDeadlineExceeded, deadlineText(w.task.Spec, answered))
	w.decided(&status)
	return status
}

// unknown ends a task without a verdict: the API cannot tell.
func (w writer) unknown(err *clb.Error) v1alpha1.CLBTaskStatus {
	reason, text := problems[err.Problem].reason, endText(w.task.Spec, err)
	status := w.next(v1alpha1.PhaseUnknown, err.RequestID,
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, text),
		condition(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown, reason, text),
		condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, text),
	)
	w.completed(&status)
	status.Message = truncate(err.Message, v1alpha1.MaxMessageLength)
	return status
}

// observed is the status as it is, said of the task's present generation. The end
// holds for each, and a reader that compares generations (kstatus, kubectl wait)
// must not wait because the spec of a finished task changed.
func (w writer) observed() v1alpha1.CLBTaskStatus {
	status := *w.task.Status.DeepCopy()
	status.ObservedGeneration = w.task.Generation
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = w.task.Generation
	}
	return w.handled(status)
}
