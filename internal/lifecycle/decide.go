package lifecycle

import (
	"cmp"
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
	// RequeueAfter is the time until the object must be reconciled even if nothing
	// happens. Zero means never.
	RequeueAfter time.Duration
}

// Policy is what the operator's flags say about decisions.
type Policy struct {
	// NotFoundGrace is how long after an object's creation a request that the API does
	// not know may still become known.
	NotFoundGrace time.Duration
}

// Pollable reports whether a request is polled on behalf of an object as it stands.
func Pollable(task *v1alpha1.CLBTask) bool {
	return !task.Status.Phase.Final() && !task.Spec.Suspend && task.DeletionTimestamp.IsZero()
}

// Decide returns what follows for a task. It is a pure function. Precedence: a
// final status, then a verdict of the API, however late, then suspension, deadline
// and refusal, then what else is known.
func (p Policy) Decide(task *v1alpha1.CLBTask, history History, health Health, now time.Time) Decision {
	w := writer{task: task, now: now}
	if task.Status.Phase.Final() {
		return decision(task, w.observed())
	}
	if history.Verdict() {
		return decision(task, w.verdict(*history.Status))
	}
	if task.Spec.Suspend {
		return decision(task, w.suspended())
	}
	deadline, limited := deadlineOf(task, history, now)
	expired := limited && !now.Before(deadline)
	var enough time.Time // When the last polls end.
	if expired {
		first, last := health.unanswered(history)
		enough = latest(first, deadline).Add(lastPolls)
		switch {
		case history.Status != nil && !history.Answered.Before(deadline):
			return decision(task, w.expired(true))
		case !last.Before(enough):
			return decision(task, w.expired(false))
		}
	}
	if refusal := p.confirmed(task, history); refusal != nil {
		return decision(task, w.unknown(refusal))
	}
	d := unfinished(w, history, health)
	d.Poll = true
	switch {
	case expired:
		d.Expedite = history.Polled.Before(deadline)
		d.RequeueAfter = min(max(enough.Sub(now), lastPollCheck), lastPolls)
	case limited:
		d.RequeueAfter = deadline.Sub(now)
	}
	if beside := min(history.besideUntil().Sub(now), besideFor); beside > 0 && health != (Health{}) {
		// Then others speak for it, and their polls do not reconcile it.
		d.RequeueAfter = min(cmp.Or(d.RequeueAfter, beside), beside)
	}
	return d
}

// decision compares: a status that differs only in the request ID of the call behind
// it is not worth a write.
func decision(task *v1alpha1.CLBTask, next v1alpha1.CLBTaskStatus) Decision {
	compared := next
	compared.APIRequestID = task.Status.APIRequestID
	if equality.Semantic.DeepEqual(compared, task.Status) {
		return Decision{Status: task.Status}
	}
	return Decision{Status: next, Changed: true}
}

// unfinished decides for a task that goes on.
func unfinished(w writer, history History, health Health) Decision {
	task := w.task
	shown := health.shown(history, w.now)
	if shown == nil {
		shown = history.trend.shown(w.now)
	}
	switch {
	case shown != nil:
		return decision(task, w.trouble(shown, history))
	case history.Status != nil:
		return decision(task, w.running(history.Status.RequestID))
	case task.Status.Phase == v1alpha1.PhaseSuspended:
		return decision(task, w.resumed())
	default:
		// What a former process wrote stands until this one knows better.
		return Decision{Status: task.Status}
	}
}

// deadlineOf returns when a task fails without a verdict, and false if it never does. It
// counts from the first answer, or if there was none from the object's creation as
// late as both clocks allow.
func deadlineOf(task *v1alpha1.CLBTask, history History, now time.Time) (time.Time, bool) {
	if task.Spec.ActiveDeadlineSeconds <= 0 {
		return time.Time{}, false
	}
	created, begun := task.CreationTimestamp.Time, history.Begun
	if begun.IsZero() {
		begun = now
	}
	start := latest(created, begun)
	switch {
	case task.Status.StartTime != nil:
		start = task.Status.StartTime.Time
	case history.Status != nil:
		start = now
	case begun.Sub(created) > clockSkew:
		start = created.Add(clockSkew)
	}
	return start.Add(time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second), true
}

// confirmed returns the error that ends a task as Unknown, or nil if there is none.
func (p Policy) confirmed(task *v1alpha1.CLBTask, history History) *clb.Error {
	r := history.refused
	if r == nil || r.count < confirmCount {
		return nil
	}
	inGrace := mayAppear(r.last.Problem) &&
		r.when.Sub(history.Begun) < p.NotFoundGrace && r.when.Sub(task.CreationTimestamp.Time) < p.NotFoundGrace+clockSkew
	lasting := confirmTime
	if history.Status != nil || task.Status.StartTime != nil {
		lasting = confirmTimeStarted
	}
	if inGrace || r.when.Sub(r.first) < lasting {
		return nil
	}
	return r.last
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
