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
	// shortFor is how long after a task last had to wait for a slot the quota still
	// counts as short: more than the time in which each slot is used once.
	shortFor = 2 * Window
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

	paced  time.Duration // When the last turn was to be granted, by the pace.
	short  time.Duration // Since when tasks have to wait for slots, or never.
	lacked time.Duration // When one last had to.
	idle   time.Duration // Since when there is no task.
	timer  *time.Timer
	alarm  time.Duration // What the timer was last set for.
}

func newBucket[K comparable](name Bucket, slots int, worth order, now time.Duration) *bucket[K] {
	return &bucket[K]{
		name:    name,
		limit:   newLimit(slots),
		rates:   newHazard(now),
		worth:   worth,
		tenants: tenants[K]{byName: map[string]*tenant[K]{}},
		paced:   never,
		short:   never,
		lacked:  never,
		alarm:   ever,
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
	return max(b.limit.resumes, b.paced+b.gap(now))
}

// gap returns how far turns are drawn apart.
func (b *bucket[K]) gap(now time.Duration) time.Duration {
	if b.short == never {
		return 0
	}
	ramp := min(float64(now-b.short)/float64(spreadAfter), 1)
	return time.Duration(ramp * spreadShare * float64(Window) / float64(b.limit.slots))
}

// pace notes that a turn is granted now. Where the timer for it was late, as
// timers are, the next turn may come earlier by that: else a busy machine would
// cost the bucket turns.
func (b *bucket[K]) pace(now time.Duration) {
	gap := b.gap(now)
	b.paced = max(b.paced+gap, min(b.alarm, now), now-gap)
}

// note keeps account of whether the quota is short: from when a due task finds no
// slot until none has had to wait for one for a while.
func (b *bucket[K]) note(now time.Duration) {
	switch {
	case b.anyDue() && b.free() <= 0:
		b.lacked = now
		if b.short == never {
			b.short = now
		}
	case b.short != never && now-b.lacked > shortFor:
		b.short = never
	}
}

// wake returns the next moment at which a turn could be granted, or ever where
// none is before the next Ask or Return.
func (b *bucket[K]) wake(now time.Duration) time.Duration {
	switch {
	case b.anyDue() && b.free() > 0:
		return b.opens(now)
	case !b.anyDue() && len(b.waiting) == 0:
		return ever
	case b.free() > 0:
		return b.waiting[0].due
	case len(b.cooling) > 0:
		return b.cooling[0] + 1
	default:
		return ever
	}
}
