package polling

import "time"

// Outcome is what became of a turn, as far as the order and the quota go.
type Outcome int

// The outcomes.
const (
	// InProgress: the API answered that the task has not finished.
	InProgress Outcome = iota
	// Finished: the API answered that the task has finished.
	Finished
	// NoAnswer: the call failed for reasons that are not the quota's.
	NoAnswer
	// Throttled: the API refused the call for the quota of this bucket. The task
	// keeps its place.
	Throttled
	// ThrottledAccount: the same, for a quota of the account at every host.
	ThrottledAccount
	// ThrottledProcess: the same, for a quota of all that this process calls.
	ThrottledProcess
	// Unused: no call was made. The slot comes back at once.
	Unused
)

// Turn is the right to make one call. Its holder gives it back with Return.
type Turn[K comparable] struct {
	scheduler *Scheduler[K]
	bucket    *bucket[K]
	entry     *entry[K]
	granted   time.Duration
	waited    time.Duration
	full      bool // It took the last slot.
	returned  bool
}

// Waited returns how long the task was due before it got this turn.
func (t *Turn[K]) Waited() time.Duration { return t.waited }

// Return gives the turn back; only the first call counts. The answer must have
// arrived, or the call's connection be closed: the quota's proof rests on that.
func (t *Turn[K]) Return(outcome Outcome) {
	s := t.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.returned {
		return
	}
	t.returned = true
	now := s.now()
	used := t.bucket.out + len(t.bucket.cooling)
	t.bucket.out--
	if outcome != Unused {
		t.bucket.cooling = append(t.bucket.cooling, now+Window)
	}
	switch outcome {
	case Throttled, ThrottledAccount, ThrottledProcess:
		t.bucket.limit.throttled(now, t.granted, used)
		s.spreadThrottling(t, now, outcome)
	case InProgress, Finished:
		t.bucket.limit.clean(now, t.granted, t.full)
		t.learn(now, outcome == Finished)
		t.entry.asked, t.entry.known = now, now
	case NoAnswer:
		t.entry.asked = now
	case Unused:
	}
	if t.entry.turn == t {
		t.entry.turn = nil
	}
	s.pump(t.bucket)
}

// learn lets the bucket know how long this task took, or has taken so far. After
// a restart the first answer teaches nothing: the task may have finished while
// nobody asked.
func (t *Turn[K]) learn(now time.Duration, finished bool) {
	e, rates := t.entry, t.bucket.rates
	switch {
	case e.known != never:
		rates.learn(now, e.known-e.born, now-e.born, finished)
	case e.asked == never:
		rates.learn(now, 0, now-e.born, finished)
	}
}
