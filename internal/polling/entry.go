package polling

import (
	"math"
	"time"
)

const (
	// jitterShare spreads the polls of tasks that were born together.
	jitterShare = 0.1
	// firstBackoff and firstRefused are the first backoffs of a task whose own polls
	// fail or are refused. Backoffs double up to maxBackoff.
	firstBackoff = time.Second
	firstRefused = 2 * time.Second
	maxBackoff   = 30 * time.Second
)

// never is the time of what has not happened, ever of what will not.
const (
	never = time.Duration(math.MinInt64)
	ever  = time.Duration(math.MaxInt64)
)

// state is the state of an entry: see the picture in doc.go.
type state uint8

const (
	waiting  state = iota // In the heap of its bucket until it is due.
	due                   // In a line of its tenant.
	parked                // In its lane, behind its gate.
	out                   // It holds a turn.
	finished              // It gets no further turn.
	gone                  // Forgotten.
)

// entry is a task, from Track to Forget. Times are since the scheduler's epoch.
type entry[K comparable] struct {
	position
	key    K
	lane   *lane[K]
	tenant *tenant[K]
	kind   *kind

	before, after *entry[K] // In the order in which they became due.

	born     time.Duration
	answered time.Duration // When it was last answered, or never.
	known    time.Duration // When it was last known to be unfinished, or never.
	tried    time.Duration // When it last got a turn, or never.
	due      time.Duration

	backoff   time.Duration // The last one of its own, zero after an answer.
	blame     float32       // The weight of its own failures among the results of its lane,
	seen      uint32        // and how many of these there were by then.
	failures  uint16        // In a row, while its region was healthy.
	state     state
	line      uint8 // Which line it is in while it is due.
	expedited bool  // Expedited since its last turn was granted.
	longest   bool  // It stood longest when it got its last turn, and got no answer for it.
}

// since returns when the task's present wait for an answer began.
func (e *entry[K]) since() time.Duration {
	if e.answered == never {
		return e.born
	}
	return e.answered
}

// forgive ends a row of failures.
func (e *entry[K]) forgive() { e.backoff, e.failures = 0, 0 }

// Forgive ends the backoff of a task's own, if it has one: its next failure counts as its
// first. It is polled no sooner; Expedite does that.
func (s *Scheduler[K]) Forgive(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[key]; ok {
		e.forgive()
	}
}

// requeue lets a task whose turn was returned wait for its next one. Luck in [0,1)
// is the jitter.
func (e *entry[K]) requeue(outcome Outcome, now time.Duration, luck float64) {
	interval := e.interval(now)
	interval = min(interval+time.Duration(jitterShare*(luck-0.5)*float64(interval)), maxInterval)
	e.due = now
	park := false
	switch outcome {
	case Finished:
		e.state = finished
		return
	case InProgress, Unused, Aborted:
		e.due += interval
		e.longest = false
	case Refused:
		e.backoff = grow(e.backoff, firstRefused)
		e.due += max(interval, e.backoff)
		e.longest = false
	case EndpointFailed, AccountFailed:
		e.due += e.lane.backoff(e)
		e.longest = e.longest && e.failures <= 1
		park = !e.lane.open() || e.due > now && !e.expedited
	case Throttled, ThrottledAccount, ThrottledProcess: // It keeps its place.
	}
	if e.expedited {
		e.due = now
	}
	if park {
		e.lane.gate.park(e)
	} else {
		e.lane.gate.bucket.place(e, now)
	}
}

// grow returns the backoff after the last one.
func grow(last, first time.Duration) time.Duration { return min(max(2*last, first), maxBackoff) }
