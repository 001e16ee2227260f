package lifecycle

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// clockSkew is how far the operator's clock and the API server's may be apart
	// without ending a task early. Tencent Cloud accepts signatures of the same age.
	clockSkew = 5 * time.Minute
	// lastPolls is how long after the deadline polls are repeated if none is answered.
	// Polls that are further apart do not count as one row.
	lastPolls = 2 * time.Minute
	// lastPollCheck is how often a task is reconciled after that. Polls of others do
	// not reconcile it.
	lastPollCheck = 10 * time.Second

	// A refusal is believed after this many in a row over at least this time, and if
	// the API has answered for the request before, only after the longer one.
	confirmCount       = 3
	confirmTime        = 30 * time.Second
	confirmTimeStarted = 10 * time.Minute
)

// Decision is what follows for a CLBTask.
type Decision struct {
	// Status is the new status. It is the old one if nothing changed that a reader
	// looks at.
	Status v1alpha1.CLBTaskStatus
	// Changed says whether Status is to be written.
	Changed bool
	// Poll says whether the request is polled on behalf of this object.
	Poll bool
	// Expedite says that the next poll should come as soon as the quota allows.
	Expedite bool
	// Force says that this is since an annotation asks for it: the request's own backoff
	// ends, too.
	Force bool
	// Restart says that the object is resumed or reopened, so that rows of failures, the
	// grace and the deadline begin again.
	Restart bool
	// RequeueAfter is the time until the object must be reconciled even if nothing
	// happens. Zero means never.
	RequeueAfter time.Duration
}

// Policy is what the operator's flags say about decisions.
type Policy struct {
	// NotFoundGrace is how long after an object's creation a request that the API does
	// not know may still become known.
	NotFoundGrace time.Duration
	// DefaultTTL is how long after its end a task without a TTL of its own is deleted, unless
	// a tool or an owner keeps it. Zero means never.
	DefaultTTL time.Duration
}

// Pollable reports whether a request is polled on behalf of an object as it stands.
func Pollable(task *v1alpha1.CLBTask) bool {
	return (!task.Status.Phase.Final() || reopens(task)) && !task.Spec.Suspend && task.DeletionTimestamp.IsZero()
}

// Decide returns what follows for a task. It is a pure function. Precedence: a
// final status, then a verdict of the API, however late, then suspension, deadline
// and refusal, then what else is known.
func (p Policy) Decide(task *v1alpha1.CLBTask, history History, health Health, now time.Time) Decision {
	w := writer{task: task, before: task.Status, now: now, force: history.forceOf(task, now)}
	switch phase := task.Status.Phase; {
	case phase == v1alpha1.PhaseUnknown && reopens(task):
		if !w.force.handled {
			d := w.decision(w.observed())
			d.RequeueAfter = w.force.wait
			return d
		}
		w.restart = true
	case phase == v1alpha1.PhaseUnknown:
		w.force = force{} // Until it is resumed.
		return w.decision(w.observed())
	case phase.Final(): // It is polled for no annotation, but a reader that waits for the token must not wait for that.
		w.force.handled = w.force.token != ""
		return w.decision(w.observed())
	case history.Verdict():
		return w.decision(w.verdict(*history.Status))
	case task.Spec.Suspend:
		w.force = force{}
		return w.decision(w.suspended())
	default:
		w.restart = phase == v1alpha1.PhaseSuspended
	}
	if w.restart {
		w.task, history = restarted(task), history.restart(task, now)
	}
	return p.decide(w, history.begin(w.task, now), health)
}

// restarted returns a task that is resumed or reopened, without what no longer holds.
func restarted(task *v1alpha1.CLBTask) *v1alpha1.CLBTask {
	task = task.DeepCopy()
	if task.Status.Phase.Final() { // The call behind it was refused.
		task.Status.APIRequestID = ""
	}
	task.Status.Phase, task.Status.StartTime, task.Status.CompletionTime, task.Status.Message = v1alpha1.PhasePending, nil, nil, ""
	return task
}

// decide is Decide for a task without a verdict that is polled.
func (p Policy) decide(w writer, history History, health Health) Decision {
	task, now := w.task, w.now
	if history.Verdict() {
		return w.decision(w.verdict(*history.Status))
	}
	deadline, limited := deadlineOf(task, history, now)
	expired := limited && !now.Before(deadline)
	var enough time.Time // When the last polls end.
	if expired {
		first, last := health.unanswered(history)
		enough = latest(first, deadline).Add(lastPolls)
		switch {
		case history.Status != nil && !history.Answered.Before(deadline):
			return w.decision(w.expired(true))
		case !last.Before(enough):
			return w.decision(w.expired(false))
		}
	}
	if refusal := p.confirmed(task, history); refusal != nil && !w.force.poll {
		d := w.decision(w.unknown(refusal))
		d.RequeueAfter = w.force.wait
		return d
	}
	d := unfinished(w, history, health)
	d.Poll, d.Expedite, d.Force, d.Restart = true, w.force.poll, w.force.poll, w.restart
	switch {
	case expired:
		d.Expedite = d.Expedite || history.Polled.Before(deadline)
		d.requeueWithin(min(max(enough.Sub(now), lastPollCheck), lastPolls))
	case limited:
		d.requeueWithin(deadline.Sub(now))
	}
	if beside := min(history.besideUntil().Sub(now), besideFor); health != (Health{}) {
		d.requeueWithin(beside) // Then others speak for it, and their polls do not reconcile it.
	}
	d.requeueWithin(w.force.wait)
	return d
}

// requeueWithin lets the object be reconciled within a time, if that is not over.
func (d *Decision) requeueWithin(wait time.Duration) {
	if wait > 0 && (d.RequeueAfter == 0 || wait < d.RequeueAfter) {
		d.RequeueAfter = wait
	}
}

// decision compares: a status that differs only in the request ID of the call behind
// it is not worth a write.
func (w writer) decision(next v1alpha1.CLBTaskStatus) Decision {
	compared := next
	compared.APIRequestID = w.before.APIRequestID
	if equality.Semantic.DeepEqual(compared, w.before) {
		return Decision{Status: w.before}
	}
	return Decision{Status: next, Changed: true}
}

// unfinished decides for a task that goes on.
func unfinished(w writer, history History, health Health) Decision {
	switch shown := health.shown(history, w.now); {
	case shown != nil:
		return w.decision(w.trouble(shown, history))
	case history.Status != nil:
		return w.decision(w.running(history.Status.RequestID))
	case w.restart:
		return w.decision(w.resumed())
	default:
		// What a former process wrote stands until this one knows better.
		return w.decision(w.handled(*w.task.Status.DeepCopy()))
	}
}

// deadlineOf returns when a task fails without a verdict, and false if it never does. It
// counts from the first answer. If there was none it counts from the task's resumption, or
// else from the object's creation, as late as both clocks allow unless it is known to have
// been there when the request began to be tracked.
func deadlineOf(task *v1alpha1.CLBTask, history History, now time.Time) (time.Time, bool) {
	if task.Spec.ActiveDeadlineSeconds <= 0 {
		return time.Time{}, false
	}
	begun, created, atLatest := history.Begun, task.CreationTimestamp.Time, task.CreationTimestamp.Add(clockSkew)
	start := latest(begun, created)
	switch {
	case task.Status.StartTime != nil:
		start = task.Status.StartTime.Time
	case history.Status != nil:
		start = now
	case history.resumed && history.begunFor == task.UID:
		start = begun
	case history.resumed || wasResumed(task.Status):
		start = latest(begun, atLatest)
	case history.begunFor != task.UID || begun.After(atLatest):
		start = atLatest
	}
	return start.Add(time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second), true
}

// confirmed returns the error that ends a task as Unknown, or nil if there is none.
func (p Policy) confirmed(task *v1alpha1.CLBTask, history History) *clb.Error {
	r := history.refused
	if r == nil || r.count < confirmCount {
		return nil
	}
	isNew := history.resumed || r.when.Sub(task.CreationTimestamp.Time) < p.NotFoundGrace+clockSkew
	inGrace := mayAppear(r.last.Problem) && isNew && r.when.Sub(history.Begun) < p.NotFoundGrace
	lasting := confirmTime
	if history.Status != nil || answeredBefore(task.Status) {
		lasting = confirmTimeStarted
	}
	if inGrace || r.when.Sub(r.first) < lasting {
		return nil
	}
	return r.last
}

// answeredBefore reports whether the API has answered for an unfinished task. After a
// suspension it has no start time, but still names the call.
func answeredBefore(status v1alpha1.CLBTaskStatus) bool {
	return status.StartTime != nil || status.APIRequestID != ""
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
