package polling

import "time"

const (
	// pacingAfter is how long a bucket has to be congested until turns are paced
	// evenly over the second; up to then more and more.
	pacingAfter = 10 * time.Second
	// pacingShare is how much of an even share of the second lies at least between
	// two turns then. Less than one, so that the slots stay what limits.
	pacingShare = 0.9
	// congestedFor is how long after a task last had to wait for a slot a bucket
	// still counts as congested: more than the time in which each slot is used once.
	congestedFor = 2 * Window
	// keepIdle is how long what was learned of a bucket without tasks is kept.
	keepIdle = time.Hour
	// maxSteps bounds how many tasks one dispatch looks at without granting a turn.
	// It goes on at once, but lets other buckets in between.
	maxSteps = 1000
)

// bucket is one quota: its slots, and the tasks that wait for them.
type bucket[K comparable] struct {
	position // Among the buckets that maxOut holds back.
	name     Bucket
	limit    limit
	planner  planner
	common   *kind // Of the tasks of no known kind.
	kinds    map[string]*kind
	out      int // Slots held by turns.
	// coolingDown holds when each slot of a returned turn is free again, in order:
	// turns are returned in the order of time.
	coolingDown []time.Duration

	tasks   int             // Entries that refer to this bucket, queued or not.
	waiting heap[*entry[K]] // Those that are not yet due, by when they are.
	tenants tenants[K]      // Those that are, by tenant.
	gates   heap[*gate[K]]  // Those that are to send back a task, by when.
	regions map[string]*gate[K]
	lanes   map[laneName]*lane[K]
	// suspects are the gates that an answer from anywhere in the bucket opens.
	suspects map[*gate[K]]struct{}
	answered time.Duration // When the last answer came.

	paced     time.Duration // When the last turn was to be granted, by the pace.
	congested time.Duration // Since when tasks have to wait for slots, or never.
	lacked    time.Duration // When one last had to.
	spare     time.Duration // When a turn last went to a task that spares it, though tasks had to wait.
	idle      time.Duration // Since when there is no task.
	timer     *time.Timer
	alarm     time.Duration // What the timer was last set for.
}

func newBucket[K comparable](name Bucket, slots int, planner planner, now time.Duration) *bucket[K] {
	return &bucket[K]{
		name:      name,
		limit:     newLimit(slots),
		planner:   planner,
		common:    &kind{hazard: newHazard(now, nil, planner)},
		kinds:     map[string]*kind{},
		tenants:   tenants[K]{byName: map[string]*tenant[K]{}},
		regions:   map[string]*gate[K]{},
		lanes:     map[laneName]*lane[K]{},
		suspects:  map[*gate[K]]struct{}{},
		answered:  never,
		paced:     never,
		spare:     never / 2,
		congested: never,
		lacked:    never,
		alarm:     ever,
		idle:      now,
	}
}

// used returns how many slots are held by turns or not yet back.
func (b *bucket[K]) used() int { return b.out + len(b.coolingDown) }

func (b *bucket[K]) free() int { return b.limit.whole() - b.used() }

// full reports whether no whole slot is free.
func (b *bucket[K]) full() bool { return b.limit.slots-float64(b.used()) < 1 }

// anyDue reports whether a task is due and not parked.
func (b *bucket[K]) anyDue() bool { return len(b.tenants.active) > 0 }

// nextDue returns when the next task is due.
func (b *bucket[K]) nextDue() time.Duration {
	if b.anyDue() {
		return never
	}
	return min(b.waiting.next(), b.gates.next())
}

// gateOf returns the gate of a region, new if it has no task.
func (b *bucket[K]) gateOf(region string) *gate[K] {
	g, ok := b.regions[region]
	if !ok {
		g = &gate[K]{bucket: b, region: region, share: 1, answered: never, last: never, failed: never}
		b.regions[region] = g
	}
	return g
}

// reclaim takes back the slots whose Window has passed. Later than, not at: a
// window of the server that includes both its ends holds no more than R either.
func (b *bucket[K]) reclaim(now time.Duration) {
	n := 0
	for n < len(b.coolingDown) && now > b.coolingDown[n] {
		n++
	}
	b.coolingDown = b.coolingDown[:copy(b.coolingDown, b.coolingDown[n:])]
}

// place queues a task that is in no heap by when it is due.
func (b *bucket[K]) place(e *entry[K], now time.Duration) {
	if e.due > now {
		e.state = waiting
		b.waiting.put(e, e.due)
		return
	}
	e.state = due
	e.tenant.lines.put(e, now)
	b.tenants.fit(e.tenant)
}

// displace takes a task out of the heap that it is in.
func (b *bucket[K]) displace(e *entry[K]) {
	switch e.state {
	case waiting:
		b.waiting.take(e)
	case due:
		e.tenant.lines.take(e)
		b.tenants.fit(e.tenant)
	case parked:
		e.lane.parked.take(e)
		e.lane.file()
	case out, finished, gone:
	}
	if e.lane.gate.back == e {
		e.lane.gate.back = nil
	}
	e.lane.gate.fit()
}

// promote moves the tasks that have become due to the lines of their tenants.
func (b *bucket[K]) promote(now time.Duration) {
	for b.waiting.next() <= now {
		b.place(b.waiting.pop(), now)
	}
	for step := 0; step < maxSteps && b.gates.next() <= now; step++ {
		b.gates[0].item.sendBack(now)
	}
}

// next takes out the task to be polled now and lets its tenant pay, and parks
// those whose gates are closed. It returns nil if no task is left, or too many
// were parked.
func (b *bucket[K]) next(now time.Duration) *entry[K] {
	for step := 0; step < maxSteps && b.anyDue(); step++ {
		t := b.tenants.active[0].item
		longest := t.lines.longestNext()
		e := t.lines.next(now)
		if e.lane.opens() <= now {
			if b.congested != never && !longest && e.spares(now) {
				b.spare = now
			}
			b.tenants.charge(t)
			return e
		}
		b.tenants.fit(t)
		e.lane.gate.park(e)
	}
	return nil
}

// answer notes that the account was answered: the gates that its failures closed
// open.
func (b *bucket[K]) answer(now time.Duration) {
	b.answered = now
	for g := range b.suspects {
		if g.account && !g.healthy() {
			g.open(doubtfulShare)
			g.doubted = true
		}
	}
	clear(b.suspects)
}

// opens returns the time before which no turn is granted although a slot is free.
func (b *bucket[K]) opens(now time.Duration) time.Duration {
	return max(b.limit.resumes, b.paced+b.gap(now))
}

// gap returns how far apart turns are paced.
func (b *bucket[K]) gap(now time.Duration) time.Duration {
	if b.congested == never {
		return 0
	}
	ramp := min(float64(now-b.congested)/float64(pacingAfter), 1)
	return time.Duration(ramp * pacingShare * float64(Window) / b.limit.slots)
}

// pace notes that a turn is granted now. If the timer for it was late, as timers
// are, the next turn may come earlier by that: else a busy machine would cost the
// bucket turns.
func (b *bucket[K]) pace(now time.Duration) {
	gap := b.gap(now)
	b.paced = max(b.paced+gap, min(b.alarm, now), now-gap)
}

// trackCongestion keeps account of whether the bucket is congested: from when a
// due task finds no slot until none has had to wait for one for a while.
func (b *bucket[K]) trackCongestion(now time.Duration) {
	switch {
	case b.anyDue() && b.full():
		b.lacked = now
		if b.congested == never {
			b.congested = now
		}
	case b.congested != never && now-b.lacked > congestedFor:
		b.congested = never
	}
}

// nextGrant returns the next moment at which a turn could be granted, or ever if there
// is none before the next Track or Return.
func (b *bucket[K]) nextGrant(now time.Duration) time.Duration {
	switch next := b.nextDue(); {
	case next == ever || b.position > 0:
		return ever
	case b.free() > 0:
		return max(next, b.opens(now))
	case len(b.coolingDown) > 0:
		return b.coolingDown[0] + 1
	default:
		return ever
	}
}
