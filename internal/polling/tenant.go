package polling

import "time"

// tenant is one of those that share a bucket, such as a namespace. While the
// bucket is congested, each tenant with a due task gets an equal share of the
// turns, independently of its number of tasks.
//
// That is start-time fair queueing (Goyal, Vin and Cheng, 1996) with turns of
// equal cost: the tenant with the smallest start tag is next, its tag moves on by
// one, and a tenant that comes back after a pause starts at the others' tag,
// so that no share is saved up. Nor is a turn forgotten: a tenant is kept until
// the others have had as many.
type tenant[K comparable] struct {
	position // Among the tenants with a due task, or those without any.
	name     string
	tasks    int // Entries that refer to it.
	lines    lines[K]
	start    int64
}

// tenants are those that share one bucket.
type tenants[K comparable] struct {
	byName map[string]*tenant[K]
	active heap[*tenant[K]] // Those with a due task, by start tag.
	spent  heap[*tenant[K]] // Those without any task whose tag is ahead of the others', by tag.
	// virtual is the start tag of the last turn.
	virtual int64
}

// of returns the tenant of a name for one more task.
func (ts *tenants[K]) of(name string) *tenant[K] {
	t, ok := ts.byName[name]
	if !ok {
		t = &tenant[K]{name: name, start: ts.virtual}
		ts.byName[name] = t
	}
	if t.tasks == 0 {
		ts.spent.take(t)
	}
	t.tasks++
	return t
}

// leave notes that a tenant has one task fewer. It is in no line.
func (ts *tenants[K]) leave(t *tenant[K]) {
	t.tasks--
	if t.tasks == 0 {
		ts.spent.put(t, time.Duration(t.start))
		ts.drop()
	}
}

// drop forgets the tenants without tasks that owe no turn.
func (ts *tenants[K]) drop() {
	for ts.spent.next() <= time.Duration(ts.virtual) {
		delete(ts.byName, ts.spent.pop().name)
	}
}

// fit sorts a tenant in or out after its lines have changed.
func (ts *tenants[K]) fit(t *tenant[K]) {
	switch {
	case t.lines.count == 0:
		ts.active.take(t)
	case t.position == 0:
		t.start = max(t.start, ts.virtual)
		ts.active.put(t, time.Duration(t.start))
	}
}

// charge lets a tenant pay for a turn.
func (ts *tenants[K]) charge(t *tenant[K]) {
	ts.active.take(t)
	ts.virtual = t.start
	t.start++
	t.lines.turns++
	ts.fit(t)
	if len(ts.active) == 0 { // Nobody waits, so nothing is owed.
		ts.virtual = t.start
	}
	ts.drop()
}

// move lets another tenant pay for the next turn of a task that waits for one, if
// that has fewer tasks: a task that several follow must not wait in the longest
// queue.
func (b *bucket[K]) move(e *entry[K], tenant string, now time.Duration) {
	from, left := e.tenant, e.lane
	if to, ok := b.tenants.byName[tenant]; e.state > parked || ok && to.tasks >= from.tasks {
		return
	}
	b.displace(e)
	e.tenant, e.lane = b.tenants.of(tenant), b.laneOf(left.gate.region, tenant)
	e.lane.tasks++
	left.tasks--
	b.place(e, now)
	b.tenants.leave(from)
	left.fit()
}
