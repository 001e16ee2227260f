package polling

import "time"

// tenant is one of those that share a bucket, such as a namespace. While the
// bucket is congested, each tenant with a due task gets an equal share of the
// turns, independently of its number of tasks.
//
// That is start-time fair queueing (Goyal, Vin and Cheng, 1996) with turns of
// equal cost: the tenant with the smallest start tag is next, its tag moves on by
// one, and a tenant that comes back after a pause starts at the others' tag,
// so that no share is saved up.
type tenant[K comparable] struct {
	position // Among the tenants with a due task.
	name     string
	tasks    int // Entries that refer to it.
	lines    lines[K]
	start    int64
}

// tenants are those that share one bucket.
type tenants[K comparable] struct {
	byName map[string]*tenant[K]
	active heap[*tenant[K]] // Those with a due task, by start tag.
	// virtual is the start tag of the last turn.
	virtual int64
}

// of returns the tenant of a name, new if it has no task.
func (ts *tenants[K]) of(name string) *tenant[K] {
	t, ok := ts.byName[name]
	if !ok {
		t = &tenant[K]{name: name, start: ts.virtual}
		ts.byName[name] = t
	}
	return t
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
	if t.tasks == 0 {
		delete(ts.byName, t.name)
	}
}

// charge lets a tenant pay for a turn.
func (ts *tenants[K]) charge(t *tenant[K]) {
	ts.active.take(t)
	ts.virtual = t.start
	t.start++
	t.lines.turns++
	ts.fit(t)
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
	e.tenant.tasks++
	e.lane.tasks++
	from.tasks--
	left.tasks--
	b.place(e, now)
	b.tenants.fit(from)
	left.fit()
}
