package lifecycle

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// Observation is the result of one poll: a status, or an error in its place.
type Observation struct {
	Status clb.TaskStatus
	// Err is nil if Status holds.
	Err *clb.Error
}

// History is what the API has said of one request since this process began to
// track it. It is a value: Observe returns another one.
type History struct {
	// Begun is when this process began to track the request.
	Begun time.Time
	// Polled is when the last poll was sent; zero before the first.
	Polled time.Time
	// Status is the last status that the API reported, nil before the first, and
	// Answered when the poll for it was sent.
	Status   *clb.TaskStatus
	Answered time.Time
	// Unanswered is when the first poll of the last unanswered row was sent; zero if the last poll was answered.
	Unanswered time.Time

	// begunFor is the object for which Begun was set. It was there then; others may be younger.
	begunFor types.UID
	// resumed says that this object was resumed or reopened at Begun: how old it is says nothing.
	resumed bool
	// forced is the last poll that an annotation forced, nil for none.
	forced *forced
	// beside is how many polls in a row were answered although conditions showed a
	// problem around the request. If it reaches runLength it stays until the
	// request has that problem itself, or it is over, or no answer came for besideFor.
	beside  uint8
	refused *refusals
	// trend is how the request's own polls go. A throttled one says nothing of it. Nil
	// before the first failure.
	trend *Trend
}

// refusals are errors in a row that speak of the request itself. Failures of other
// kinds in between neither count nor end the row.
type refusals struct {
	last        *clb.Error
	count       int
	first, when time.Time // Of the first and the last in the row.
}

// Track returns the history of a request that is polled as decided for a task, and whether
// that is to be expedited: not if a poll was forced for another task since the decision.
func (h History) Track(task *v1alpha1.CLBTask, d Decision, now time.Time) (_ History, expedite bool) {
	h = h.begin(task, now)
	if d.Restart {
		h = h.restart(task, now)
	}
	switch {
	case !d.Force:
		return h, d.Expedite
	case !h.forcedLately(now):
		h.forced = &forced{by: task.UID, token: tokenOf(task), at: now}
		return h, true
	default:
		return h, false
	}
}

// begin returns the history if there is one, else a new one. A task that was resumed or
// reopened and not answered since may be old.
func (h History) begin(task *v1alpha1.CLBTask, now time.Time) History {
	if h.Begun.IsZero() {
		h.Begun, h.begunFor, h.resumed = now, task.UID, wasResumed(task.Status)
	}
	return h
}

// restart returns the history after an object was resumed or reopened: rows of failures,
// the grace and the deadline begin again. What the API has answered still holds.
func (h History) restart(task *v1alpha1.CLBTask, now time.Time) History {
	h.Begun, h.begunFor, h.resumed, h.Unanswered, h.refused = now, task.UID, true, time.Time{}, nil
	return h
}

// Verdict reports whether the API has said how the request ended.
func (h History) Verdict() bool {
	return h.Status != nil && h.Status.State != clb.InProgress
}

// Observe returns the history after one more poll, which was sent at now, amid polls that
// go like this. A verdict is never replaced.
func (h History) Observe(o Observation, around Health, now time.Time) History {
	if h.Verdict() {
		return h
	}
	silent := now.Sub(h.Polled) > lastPolls
	h.Polled = now
	if !now.Before(h.heard().Add(besideFor)) {
		h.beside = 0 // A single answer does not put right what others have shown since.
	}
	if o.Err == nil {
		status := o.Status
		h.Status, h.Answered, h.Unanswered, h.refused = &status, now, time.Time{}, nil
		h.trend = h.trend.next(nil, now)
		return h.answered(around, now)
	}
	if h.Unanswered.IsZero() || silent {
		h.Unanswered = now
	}
	about := About(o.Err.Problem)
	if about == AboutQuota {
		return h
	}
	h.trend = h.trend.next(o.Err, now)
	switch {
	case about == AboutRequest:
		h.refused = h.refused.add(o.Err, now)
		return h.answered(around, now)
	case h.beside < runLength || h.trend.shown(now) != nil:
		h.beside = 0
	}
	return h
}

// besideUntil returns until when no problem around the request is shown for it; zero if
// any is. Once it is answered no more, others speak for it.
func (h History) besideUntil() time.Time {
	if h.beside < runLength {
		return time.Time{}
	}
	return h.heard().Add(besideFor)
}

// heard returns when the last poll was sent that the API answered, if only to refuse the request.
func (h History) heard() time.Time {
	if h.refused != nil {
		return h.refused.when
	}
	return h.Answered
}

// answered counts an answer beside a problem.
func (h History) answered(around Health, now time.Time) History {
	if around.Account.shown(now) == nil && around.Endpoint.shown(now) == nil {
		h.beside = 0
	} else {
		h.beside = min(h.beside+1, runLength)
	}
	return h
}

func (r *refusals) add(err *clb.Error, now time.Time) *refusals {
	next := refusals{last: err, count: 1, first: now, when: now}
	if r != nil && r.last.Problem == err.Problem {
		next.count, next.first = r.count+1, r.first
	}
	return &next
}

// besideFor is longer than the longest interval between two polls.
const besideFor = time.Minute

// Health is how the polls around a request go: those of its region with its account. A
// request's history does not show them, since it is not polled while others probe.
type Health struct {
	Account, Endpoint Trend
}

// Observe returns the health after a poll of any request of the account and region.
func (h Health) Observe(o Observation, now time.Time) Health {
	if o.Err != nil {
		switch About(o.Err.Problem) {
		case AboutAccount, AboutQuota:
			h.Account = h.Account.Observe(o.Err, now)
			return h
		case AboutEndpoint:
			h.Endpoint = h.Endpoint.Observe(o.Err, now)
			return h
		case AboutRequest: // An API that refuses one request serves the others.
		}
	}
	h.Account, h.Endpoint = h.Account.Observe(nil, now), h.Endpoint.Observe(nil, now)
	return h
}

// shown returns the problem that conditions show for a request, nil for none: that of the
// account, else of the region, else its own. A throttled poll says less than a failed one,
// so that comes last. What fails around a request that is answered all the same is not its
// problem.
func (h Health) shown(history History, now time.Time) *Failure {
	account, endpoint, own := h.Account.shown(now), h.Endpoint.shown(now), history.trend.shown(now)
	throttled := account != nil && About(account.Problem) == AboutQuota
	if now.Before(history.besideUntil()) {
		endpoint = nil
		if !throttled {
			account = nil
		}
	}
	switch {
	case account != nil && !throttled:
		return account
	case endpoint != nil:
		return endpoint
	case own != nil:
		return own
	}
	return account
}

// ObserveQuota is Observe for a poll that says nothing of the others but how their quota
// is.
func (h Health) ObserveQuota(o Observation, now time.Time) Health {
	ended := o.Err == nil && h.Account.Shown != nil && About(h.Account.Shown.Problem) == AboutQuota
	if ended || o.Err != nil && About(o.Err.Problem) == AboutQuota {
		h.Account = h.Observe(o, now).Account
	}
	return h
}

// unanswered returns when the first and the last poll was sent since polls of the
// request, or all around it, bring no answer; zero if they do.
func (h Health) unanswered(history History) (first, last time.Time) {
	if !history.Unanswered.IsZero() {
		first, last = history.Unanswered, history.Polled
	}
	for _, trend := range []Trend{h.Account, h.Endpoint} {
		// What failed before the request was tracked says nothing of it: the request may
		// have been suspended then, and the trend may be days old.
		if !trend.runFailed || history.Begun.IsZero() || trend.runUntil.Before(history.Begun) {
			continue
		}
		if since := latest(trend.runSince, history.Begun); first.IsZero() || since.Before(first) {
			first = since
		}
		last = latest(last, trend.runUntil)
	}
	return first, last
}
