package controllers

import (
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// lastingAfter is how long a problem that goes away by itself has to last before
// readers are told: a hiccup must not make conditions flap.
const lastingAfter = 10 * time.Second

// Streak is what a run of failed questions about one task has amounted to. Its
// zero value is "none has failed". It lives in memory only: after a restart a
// run begins anew, which delays a verdict and never makes one.
type Streak struct {
	// Failing is when the first question failed since the last answer.
	Failing time.Time
	// Problem is what the last one failed with, and since when it is the same.
	Problem      clb.Problem
	ProblemSince time.Time
	// Code counts the failures in a row with the same code.
	Code      string
	Count     int
	CodeSince time.Time
	// Throttled is when the first call was throttled since one was not.
	Throttled time.Time
}

// after adds a failure to the streak.
func (s Streak) after(err *clb.Error, now time.Time) Streak {
	if err.Class == clb.Throttle {
		// Nobody answered for the task: what failed before still stands.
		if s.Throttled.IsZero() {
			s.Throttled = now
		}
		return s
	}
	s.Throttled = time.Time{}
	if s.Failing.IsZero() {
		s.Failing = now
	}
	if s.Problem != err.Problem {
		s.Problem, s.ProblemSince = err.Problem, now
	}
	if s.Code != err.Code {
		s.Code, s.Count, s.CodeSince = err.Code, 0, now
	}
	s.Count++
	return s
}

// lasting reports whether a passing problem has lasted long enough to be shown.
// Where another is shown already, the new one has to last by itself, so that two
// that alternate do not make the reason flap.
func (s Streak) lasting(shown bool, now time.Time) bool {
	since := s.Failing
	if shown {
		since = s.ProblemSince
	}
	return now.Sub(since) >= lastingAfter
}
