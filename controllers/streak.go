package controllers

import (
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// lastingAfter is how long a problem that goes away by itself has to last
	// before readers are told, and how long answers have to be clean before they
	// are told that it is over: a hiccup must not make conditions flap, neither of
	// the API's failing nor of its answering.
	lastingAfter = 10 * time.Second
	// longestPatience is what that doubles up to where problems come and go, and
	// calmAfter how many times as long all must be well to begin anew.
	longestPatience = 10 * time.Minute
	calmAfter       = 10
)

// Streak is what a run of questions about one task has amounted to. Its zero
// value is "none was asked". It lives in memory only: after a restart a run
// begins anew, which delays a write and never makes one.
type Streak struct {
	// Answered is when the first question was answered since the last failed.
	Answered time.Time
	// Failing is when the first question failed since the last answer.
	Failing time.Time
	// Problem is what the last one failed with, and since when it is the same.
	Problem      clb.Problem
	ProblemSince time.Time
	// Code counts the failures in a row with the same code, throttled calls aside:
	// those say nothing of the question.
	Code      string
	Count     int
	CodeSince time.Time
	// Recovered is how long answers were clean when a problem was last over; zero
	// where none was.
	Recovered time.Duration
}

// kept returns where the streak is kept, nil for the zero value.
func (s Streak) kept() *Streak {
	if s == (Streak{}) {
		return nil
	}
	return &s
}

// patience is how long anything has to last before it is told.
func (s Streak) patience() time.Duration {
	return min(max(2*s.Recovered, lastingAfter), longestPatience)
}

// after adds a failure to the streak.
func (s Streak) after(err *clb.Error, now time.Time) Streak {
	s.Answered = time.Time{}
	if s.Failing.IsZero() {
		s.Failing = now
	}
	if s.Problem != err.Problem {
		s.Problem, s.ProblemSince = err.Problem, now
	}
	if err.Class == clb.Throttle {
		return s
	}
	if s.Code != err.Code {
		s.Code, s.Count, s.CodeSince = err.Code, 0, now
	}
	s.Count++
	return s
}

// answered adds an answer to the streak: what failed before counts no more.
func (s Streak) answered(now time.Time) Streak {
	next := Streak{Answered: s.Answered, Recovered: s.Recovered}
	if next.Answered.IsZero() {
		next.Answered = now
	}
	if now.Sub(next.Answered) >= calmAfter*s.patience() {
		next.Recovered = 0
	}
	return next
}

// recover reports whether answers have been clean for long enough to be told.
func (s Streak) recover(now time.Time) (Streak, bool) {
	if now.Sub(s.Answered) < s.patience() {
		return s, false
	}
	s.Recovered = s.patience()
	return s, true
}

// lasting reports whether a problem has lasted long enough to be shown in place
// of the reason that is shown already, or of none. One that somebody has to mend
// is told at once. But where two take turns, of which one could replace the
// other, either has to last by itself, so that the reason does not flap.
func (s Streak) lasting(class clb.Class, shown clb.Problem, now time.Time) bool {
	since := s.Failing
	switch {
	case s.Problem == shown:
		return true
	case class == clb.Configuration && !mended(shown):
		return true
	case shown != "":
		since = s.ProblemSince
	}
	return now.Sub(since) >= s.patience()
}

// mended reports whether a problem is one that somebody has to mend.
func mended(problem clb.Problem) bool {
	switch problem {
	case clb.ProblemCredentialsMissing, clb.ProblemCredentialsRejected, clb.ProblemClockSkew, clb.ProblemAccessDenied,
		clb.ProblemEndpointRefused, clb.ProblemInvalidRegion:
		return true
	default:
		return false
	}
}
