package polling

import "time"

// Outcome is what became of a turn, as far as the order and the quota go.
type Outcome int

// The outcomes.
const (
	// InProgress: the API answered that the task has not finished.
	InProgress Outcome = iota
	// Finished: the API answered that the task has finished. It gets no further turn.
	Finished
	// Refused: the API refuses this request. That is about the request alone, which
	// is polled less and less often.
	Refused
	// EndpointFailed: the call failed for reasons of the region's endpoint. The task
	// keeps its place.
	EndpointFailed
	// AccountFailed: the call failed for reasons of the account, such as its
	// credentials. The task keeps its place.
	AccountFailed
	// Throttled: the API refused the call for the quota of this bucket. The task
	// keeps its place.
	Throttled
	// ThrottledAccount: the same, for a quota of the account at every host.
	ThrottledAccount
	// ThrottledProcess: the same, for a quota of all that this process calls.
	ThrottledProcess
	// Aborted: the call was given up because the process ends. It says nothing.
	Aborted
	// Unused: no call was made. The slot comes back at once.
	Unused
)

// Turn is the right to make one call. Its holder gives it back with Return.
type Turn[K comparable] struct {
	scheduler *Scheduler[K]
	entry     *entry[K]
	granted   time.Duration
	waited    time.Duration
	full      bool // It took the last whole slot.
	probe     bool // Its gate was closed.
	returned  bool
	// When the task and its lane got their turns before: they keep their places if the
	// call is throttled.
	tried, laneTried time.Duration
}

// Waited returns how long the task was due before it got this turn.
func (t *Turn[K]) Waited() time.Duration { return t.waited }

// Bucket returns the quota that the call counts for.
func (t *Turn[K]) Bucket() Bucket { return t.entry.lane.gate.bucket.name }

// Return gives the turn back; only the first call counts. The answer must have
// arrived, or the call's connection be closed: the quota's proof rests on that.
// After a throttled call the buckets concerned get no turn for retryAfter; zero if
// the API did not say. The task gets its next turn by itself.
//
// It reports whether the outcome says how the region fares, not only the task or its
// tenant: a failure does while the gate is closed to that tenant, an answer unless it was
// let through because the tenant is answered anyway.
func (t *Turn[K]) Return(outcome Outcome, retryAfter time.Duration) (common bool) {
	s := t.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	now, e, g := s.now(), t.entry, t.entry.lane.gate
	if t.returned {
		return false
	}
	t.returned = true
	b := g.bucket
	used := b.used()
	s.out--
	b.out--
	g.out--
	e.lane.out--
	if outcome != Unused {
		b.coolingDown = append(b.coolingDown, now+Window)
	}
	switch outcome {
	case InProgress, Finished, Refused:
		b.limit.answered(now, t.granted, t.full)
		t.learn(now, outcome)
		g.clean(e.lane, now, t.probe)
		b.answer(now)
		common = t.probe || g.healthy()
	case EndpointFailed, AccountFailed:
		g.fail(e, now, outcome == AccountFailed, t.probe)
		common = !e.lane.open()
	case Throttled, ThrottledAccount, ThrottledProcess:
		e.tried, e.lane.tried = t.tried, t.laneTried
		b.limit.throttled(now, t.granted, used, retryAfter)
		s.spreadThrottling(t, now, outcome, retryAfter)
	case Unused:
		g.last = never
	case Aborted:
	}
	if e.state == out {
		e.requeue(outcome, now, s.luck())
	}
	e.lane.fit()
	g.fit()
	for s.running && s.held.next() < time.Duration(s.maxOut-s.out) {
		s.dispatch(s.held[0].item)
	}
	s.dispatch(b)
	return common
}

// learn lets the bucket know how long this task took, or has taken so far. After
// a restart the first answer teaches nothing: the task may have finished while
// nobody polled it. A refused poll teaches nothing either.
func (t *Turn[K]) learn(now time.Duration, outcome Outcome) {
	e := t.entry
	e.failures = 0
	if outcome != Refused {
		switch {
		case e.known != never:
			e.kind.learn(now, e.known-e.born, now-e.born, outcome == Finished)
		case e.answered == never:
			e.kind.learn(now, 0, now-e.born, outcome == Finished)
		}
		e.known, e.backoff = now, 0
	}
	e.answered = now
}
