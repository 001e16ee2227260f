package polling

import "time"

// Outcome is what became of a turn, as far as the bucket is concerned.
type Outcome int

// The outcomes.
const (
	// Answered: the API answered, or failed for reasons that are not the quota's.
	Answered Outcome = iota
	// Unused: no call was made. The slot comes back at once.
	Unused
)

// Turn is the right to make one call. Its holder gives it back with Return.
type Turn[K comparable] struct {
	scheduler *Scheduler[K]
	bucket    *bucket[K]
	entry     *entry[K]
	granted   time.Time
	waited    time.Duration
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
	now := time.Now()
	t.bucket.out--
	if outcome != Unused {
		t.bucket.cooling = append(t.bucket.cooling, now.Add(Window))
		t.entry.asked = now
	}
	if t.entry.turn == t {
		t.entry.turn = nil
	}
	s.pump(t.bucket)
	s.prune(t.bucket)
}
