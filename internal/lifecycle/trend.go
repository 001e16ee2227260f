package lifecycle

import (
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// minHoldDown is how long a problem has to last before conditions show it, and
	// how long polls have to succeed before conditions show that it is over: what
	// comes and goes must not make them flap. Each time that a problem is over, its
	// successor's hold-down doubles. Each time that another failure replaces the one
	// shown, the time doubles that the next one has to last. Both reach at most
	// maxHoldDown, until polls have succeeded for resetFactor times the hold-down.
	minHoldDown = 10 * time.Second
	maxHoldDown = 10 * time.Minute
	resetFactor = 10
	// maxSilence is how long after its last poll a series says anything: as long as it
	// has tasks it is polled far more often.
	maxSilence = maxHoldDown
	// confirmAfter is how long a problem that needs intervention has to last: it is
	// shown soon, but not on one word.
	confirmAfter = time.Second
	// runLength is how many polls in a row interrupt a trend in the other direction.
	// A single one does not: at 20 polls a second some fail on the best day.
	runLength = 3
)

// Trend is how a series of polls goes, and what conditions show of it. It is a
// value, and its zero value is a series without polls.
type Trend struct {
	// Shown is the failure that conditions show, nil for none.
	Shown *Failure

	// The polls that came last with the same result.
	runFailed          bool
	runCount           int
	runSince, runUntil time.Time

	// Since when polls fail or succeed, single exceptions aside; zero if they do not.
	failing, clean time.Time

	last                    Failure
	problemSince, textSince time.Time     // Since when the last failure has its problem and its text.
	heldDown                time.Duration // The hold-down of the last problem that is over.
	replacedAfter           time.Duration // The hold-down of the failure that replaced another; zero if none did.
}

// shown returns what conditions show at present, nil for nothing. Nil is a series
// without polls, too.
func (t *Trend) shown(now time.Time) *Failure {
	if t == nil || now.Sub(t.runUntil) > maxSilence {
		return nil
	}
	return t.Shown
}

// next is Observe for a trend that is mostly zero: nil stands for that.
func (t *Trend) next(err *clb.Error, now time.Time) *Trend {
	var trend Trend
	if t != nil {
		trend = *t
	}
	if trend = trend.Observe(err, now); trend == (Trend{}) {
		return nil
	}
	return &trend
}

// Observe returns the trend after one more poll: a failed one, or with a nil error one
// that was answered.
func (t Trend) Observe(err *clb.Error, now time.Time) Trend {
	silence := now.Sub(t.runUntil)
	if silence > maxSilence {
		t = Trend{}
	}
	if err == nil && t.runSince.IsZero() {
		return t // As nearly always: nothing has ever failed.
	}
	if failed := err != nil; t.runSince.IsZero() || t.runFailed != failed || silence > lastPolls {
		t.runFailed, t.runCount, t.runSince = failed, 0, now
	}
	t.runCount++
	t.runUntil = now
	steady := t.runCount >= runLength || now.Sub(t.runSince) >= minHoldDown
	if err == nil {
		return t.succeed(steady, now)
	}
	return t.fail(err, steady, now)
}

func (t Trend) fail(err *clb.Error, steady bool, now time.Time) Trend {
	if t.failing.IsZero() {
		t.failing = now
	}
	if steady {
		t.clean = time.Time{}
	}
	if t.last.Problem != err.Problem {
		t.problemSince = now
	}
	failure := failureOf(err)
	if !t.last.sameText(failure) {
		t.textSince = now
	}
	t.last = failure
	if t.shouldShow(now) {
		if t.Shown != nil {
			t.replacedAfter = t.replaceAfter()
		}
		shown := t.last
		t.Shown, t.clean = &shown, time.Time{}
	}
	return t
}

// shouldShow reports whether conditions should show the last failure from now on,
// instead of the one that they show or of none.
func (t Trend) shouldShow(now time.Time) bool {
	switch intervene := NeedsIntervention(t.last.Problem); {
	case t.Shown != nil && t.Shown.Problem == t.last.Problem:
		// The text stays the same unless another one lasts.
		return !t.Shown.sameText(t.last) && now.Sub(t.textSince) >= t.replaceAfter()
	case intervene && (t.Shown == nil || !NeedsIntervention(t.Shown.Problem)):
		return now.Sub(t.problemSince) >= confirmAfter
	case t.Shown != nil:
		// If two problems alternate, neither replaces the other.
		return now.Sub(t.problemSince) >= t.replaceAfter()
	}
	return now.Sub(t.failing) >= t.holdDown()
}

func (t Trend) succeed(steady bool, now time.Time) Trend {
	if t.clean.IsZero() {
		t.clean = now
	}
	t.problemSince, t.textSince, t.last = time.Time{}, time.Time{}, Failure{}
	if steady {
		t.failing = time.Time{}
	}
	switch calm := now.Sub(t.clean); {
	case t.Shown != nil && calm >= t.holdDown():
		t.heldDown = t.holdDown()
		t.Shown, t.failing = nil, time.Time{}
	case t.Shown == nil && t.failing.IsZero() && calm >= resetFactor*t.holdDown():
		return Trend{}
	}
	return t
}

func (t Trend) holdDown() time.Duration {
	return min(max(2*t.heldDown, minHoldDown), maxHoldDown)
}

// replaceAfter returns how long another failure has to last to replace the one shown.
func (t Trend) replaceAfter() time.Duration {
	return min(max(2*t.replacedAfter, t.holdDown()), maxHoldDown)
}
