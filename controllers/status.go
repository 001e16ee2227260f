package controllers

import (
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// A plain FailedOperation is taken at its word after this many in a row over at
// least this time; see clb.TenInARow.
const (
	refusedCount = 10
	refusedAfter = 10 * time.Minute
)

// Observation is what one question brought: an answer, or the reason why there
// is none.
type Observation struct {
	Answer clb.Answer
	// Err is nil where Answer holds.
	Err *clb.Error
}

// Again is when to ask next.
type Again int

// The values of Again.
const (
	// ByAge: at the task's own interval.
	ByAge Again = iota
	// AfterSoon: after the backoff for problems that pass.
	AfterSoon
	// AfterConfiguration: after the backoff for problems that somebody must mend.
	AfterConfiguration
	// WhenResumed: not while the task is suspended.
	WhenResumed
	// Never: the outcome is final.
	Never
)

// Decision is what an observation leads to.
type Decision struct {
	// Status is the new status; where nothing that a reader cares about changed,
	// it is the old one.
	Status v1alpha1.CLBTaskStatus
	// Changed says whether Status is to be written.
	Changed bool
	Streak  Streak
	Again   Again
}

// Policy is what the operator's flags say about decisions.
type Policy struct {
	// NotFoundGrace is how long after an object's creation an unknown request ID
	// may still become known.
	NotFoundGrace time.Duration
}

// Decide makes the new status of a task from an observation. It is a pure
// function; now is when the observation was made. What was decided for ever
// stands before all else. Then an outcome is taken, since it is a fact, whatever
// the user asks for and however late it is. Any other observation comes after
// the suspension and the deadline.
func (p Policy) Decide(task *v1alpha1.CLBTask, seen Observation, streak Streak, now time.Time) Decision {
	standing := Standing(task, streak, now)
	if task.Status.Phase.Final() || standing.Again != ByAge && !seen.outcome() {
		return standing
	}
	decision := p.decide(task, seen, streak, now)
	if !decision.Changed {
		// What was seen is not worth a write, but that the task was resumed is.
		decision.Status, decision.Changed = standing.Status, standing.Changed
	}
	return decision
}

// outcome reports whether the cloud said how the task ended.
func (o Observation) outcome() bool {
	return o.Err == nil && (o.Answer.State == clb.Succeeded || o.Answer.State == clb.Failed)
}

func (p Policy) decide(task *v1alpha1.CLBTask, seen Observation, streak Streak, now time.Time) Decision {
	if seen.Err == nil {
		return decideAnswer(task, seen.Answer, streak, now)
	}
	streak = streak.after(seen.Err, now)
	class, problem := p.judge(seen.Err, streak, now, task.CreationTimestamp.Time)
	w := writer{task: task, now: now, requestID: seen.Err.RequestID}
	again := AfterSoon
	switch class {
	case clb.Permanent:
		return w.decision(w.unknown(problem, seen.Err), Streak{}, Never)
	case clb.Configuration:
		again = AfterConfiguration
	case clb.Throttle:
		again = ByAge
	case clb.Soon:
	}
	if !streak.lasting(class, w.shown(), now) {
		return w.unchanged(streak, again)
	}
	return w.decision(w.trouble(problem, seen.Err, streak), streak, again)
}

func decideAnswer(task *v1alpha1.CLBTask, answer clb.Answer, streak Streak, now time.Time) Decision {
	w := writer{task: task, now: now, requestID: answer.RequestID}
	switch answer.State {
	case clb.Succeeded:
		return w.decision(w.succeeded(answer), Streak{}, Never)
	case clb.Failed:
		return w.decision(w.failed(answer), Streak{}, Never)
	case clb.InProgress:
		troubled := w.shown() != ""
		if !troubled && streak.Recovered == 0 {
			return w.decision(w.running(), Streak{}, ByAge) // As nearly always.
		}
		streak = streak.answered(now)
		if troubled && task.Status.Phase == v1alpha1.PhaseRunning {
			var over bool
			if streak, over = streak.recover(now); !over {
				return w.unchanged(streak, ByAge)
			}
		}
		return w.decision(w.running(), streak, ByAge)
	default:
		// internal/clb lets no other state through; were it to, it is no verdict.
		return w.unchanged(Streak{}, ByAge)
	}
}

// judge applies the patience that an error asks for to its class.
func (p Policy) judge(err *clb.Error, streak Streak, now, created time.Time) (clb.Class, clb.Problem) {
	switch err.Patience {
	case clb.NotFoundGrace:
		if now.Sub(created) < p.NotFoundGrace {
			return clb.Soon, err.Problem
		}
	case clb.OnceMore:
		if streak.Count <= 1 {
			return clb.Soon, err.Problem
		}
	case clb.TenInARow:
		if streak.Count >= refusedCount && now.Sub(streak.CodeSince) >= refusedAfter {
			return clb.Permanent, clb.ProblemQueryRefused
		}
	case clb.None:
	}
	return err.Class, err.Problem
}
