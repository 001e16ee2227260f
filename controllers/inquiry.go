package controllers

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// subject is what an inquiry is about. The region is part of it although request
// IDs are unique: were one of two CLBTasks to name a wrong region, the other must
// not get the answer of that region.
type subject struct {
	bucket polling.Bucket
	region string
	taskID string
}

// inquiry is one question, on behalf of every CLBTask that asks it: they share
// its answers, and cost one call.
type inquiry struct {
	subject
	followers []*follower
	// born is when the youngest of the followers was created: who joins late must
	// not be asked for as seldom as one that has waited for long.
	born time.Time
	// waiting counts the followers that have asked for the next answer, and
	// notBefore is the earliest time that one of them wants it.
	waiting   int
	notBefore time.Time
}

// follower is one CLBTask, from when it is first seen to its outcome.
type follower struct {
	name types.NamespacedName
	uid  types.UID
	born time.Time
	// inquiry is the question that it follows, nil before the first.
	inquiry *inquiry
	// waiting says that it has asked for the next answer.
	waiting bool
	// report is what the last answer was, until it is settled.
	report *report
	outcome
}

// outcome is what dealing with a report left behind.
type outcome struct {
	streak *Streak // Nil for the zero value: most tasks never need one.
	// notBefore is the end of the backoff that the streak has earned.
	notBefore time.Time
	// written is the resource version of the last status written.
	written string
}

// report is an observation with its time.
type report struct {
	Observation
	at time.Time
}

// outcome says what a report means to the order and the quota.
func (r *report) outcome() polling.Outcome {
	switch {
	case r.Err == nil && r.Answer.State == clb.InProgress:
		return polling.InProgress
	case r.Err == nil:
		return polling.Finished
	case r.Err.Class != clb.Throttle:
		return polling.NoAnswer
	case r.Err.Scope == clb.ScopeAccount:
		return polling.ThrottledAccount
	case r.Err.Scope == clb.ScopeProcess:
		return polling.ThrottledProcess
	default:
		return polling.Throttled
	}
}

// join lets a follower wait for the next answer.
func (q *inquiry) join(f *follower, born time.Time) {
	if f.inquiry != q {
		f.inquiry, f.born = q, born
		q.followers = append(q.followers, f)
		q.born = latest(q.born, born)
	}
	if q.waiting == 0 || f.notBefore.Before(q.notBefore) {
		q.notBefore = f.notBefore
	}
	if !f.waiting {
		f.waiting = true
		q.waiting++
	}
}

// leave takes a follower out. It reports whether it was the last.
func (q *inquiry) leave(f *follower) bool {
	if f.waiting {
		q.waiting--
	}
	f.inquiry, f.waiting = nil, false
	q.followers = slices.DeleteFunc(q.followers, func(other *follower) bool { return other == f })
	q.born = time.Time{}
	for _, other := range q.followers {
		q.born = latest(q.born, other.born)
	}
	return len(q.followers) == 0
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// tell hands a report to those who wait for it, and returns their names.
func (q *inquiry) tell(seen *report) []types.NamespacedName {
	var told []types.NamespacedName
	for _, f := range q.followers {
		if f.waiting {
			f.waiting, f.report = false, seen
			told = append(told, f.name)
		}
	}
	q.waiting = 0
	return told
}

// names returns those who wait.
func (q *inquiry) names() []types.NamespacedName {
	var names []types.NamespacedName
	for _, f := range q.followers {
		if f.waiting {
			names = append(names, f.name)
		}
	}
	return names
}

// fresh is how old a task may be for the time at which it was first seen to say
// when it was created: better than its creation timestamp, which is cut to the
// second.
const fresh = 2 * time.Second

func bornAt(created, seen time.Time) time.Time {
	if seen.Sub(created) < fresh {
		return seen
	}
	return created
}
