package polling

import (
	"container/heap"
	"time"
)

const (
	// spreadAfter is how long the quota has to be short until turns are spread
	// evenly over the second; up to then ever more.
	spreadAfter = 10 * time.Second
	// spreadShare is how much of an even share of the second lies at least
	// between two turns then. Less than one, so that the slots stay what limits.
	spreadShare = 0.9
	// keepIdle is how long what was learned of a bucket without tasks is kept.
	keepIdle = time.Hour
)

// bucket is one quota: its slots, and the tasks that wait for them.
type bucket[K comparable] struct {
	name  Bucket
	limit limit
	rates *hazard
	worth order
	out   int // Slots held by turns.
	// cooling holds when each slot of a returned turn is free again, in order:
	// turns are returned in the order of time.
	cooling []time.Duration

	tasks   int        // Entries that refer to this bucket, queued or not.
	waiting dueHeap[K] // Those that are not yet due.
	tenants tenants[K] // Those that are, by tenant.

	granted time.Duration // When the last turn was granted.
	short   time.Duration // Since when tasks have to wait for slots, or never.
	idle    time.Duration // Since when there is no task.
	timer   *time.Timer
}

func newBucket[K comparable](name Bucket, slots int, worth order, now time.Duration) *bucket[K] {
	return &bucket[K]{
		name:    name,
		limit:   newLimit(slots),
		rates:   newHazard(now),
		worth:   worth,
		tenants: tenants[K]{byName: map[string]*tenant[K]{}},
		granted: never,
		short:   never,
		idle:    now,
	}
}

func (b *bucket[K]) free() int { return b.limit.slots - b.out - len(b.cooling) }

// anyDue reports whether a task is due.
func (b *bucket[K]) anyDue() bool { return len(b.tenants.active) > 0 }

// cool takes back the slots whose Window has passed. Later than, not at: a
// window of the server that includes both its ends holds no more than R either.
func (b *bucket[K]) cool(now time.Duration) {
	n := 0
	for n < len(b.cooling) && now > b.cooling[n] {
		n++
	}
	b.cooling = b.cooling[:copy(b.cooling, b.cooling[n:])]
}

// place puts a task where its due time says.
func (b *bucket[K]) place(e *entry[K], now time.Duration) {
	b.displace(e)
	if e.due > now {
		heap.Push(&b.waiting, e)
		return
	}
	e.tenant.lines.put(e, now)
	b.tenants.fit(e.tenant)
}

// displace takes a task out of wherever it waits.
func (b *bucket[K]) displace(e *entry[K]) {
	b.waiting.take(e)
	e.tenant.lines.take(e)
	b.tenants.fit(e.tenant)
}

// promote moves the tasks that have become due to the lines of their tenants.
func (b *bucket[K]) promote(now time.Duration) {
	for len(b.waiting) > 0 && b.waiting[0].due <= now {
		e := heap.Pop(&b.waiting).(*entry[K])
		e.tenant.lines.put(e, now)
		b.tenants.fit(e.tenant)
	}
}

// next takes out the task to be asked now; one must be due.
func (b *bucket[K]) next(now time.Duration) *entry[K] {
	t := b.tenants.serve()
	e := t.lines.next(now, b.rates, b.worth)
	b.tenants.fit(t)
	return e
}

// opens returns the time before which no turn is granted although a slot is free.
func (b *bucket[K]) opens(now time.Duration) time.Duration {
	at := b.limit.resumes
	if b.short != never {
		ramp := min(float64(now-b.short)/float64(spreadAfter), 1)
		at = max(at, b.granted+time.Duration(ramp*spreadShare*float64(Window)/float64(b.limit.slots)))
	}
	return at
}

// note keeps account of whether the quota is short. It is so from when a due task
// finds no slot until half of the slots are idle: a moment without a due task is
// no end of it.
func (b *bucket[K]) note(now time.Duration) {
	switch {
	case b.anyDue() && b.free() <= 0 && b.short == never:
		b.short = now
	case !b.anyDue() && b.free() >= (b.limit.slots+1)/2:
		b.short = never
	}
}

// wake returns the next moment at which a turn could be granted, false where
// none is before the next Ask or Return.
func (b *bucket[K]) wake(now time.Duration) (time.Duration, bool) {
	switch {
	case b.anyDue() && b.free() > 0:
		return b.opens(now), true
	case !b.anyDue() && len(b.waiting) == 0:
		return 0, false
	case b.free() > 0:
		return b.waiting[0].due, true
	case len(b.cooling) > 0:
		return b.cooling[0] + 1, true
	default:
		return 0, false
	}
}
