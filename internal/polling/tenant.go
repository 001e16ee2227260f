package polling

import "container/heap"

// tenant is one of those who share a bucket, such as a namespace. While the
// bucket is short, each tenant with a due task gets an equal share of the turns,
// whatever its number of tasks.
//
// That is start-time fair queueing (Goyal, Vin and Cheng, 1996) with turns of
// equal cost: the tenant with the smallest start tag is next, its tag moves on by
// one, and who comes back after a pause starts where the others are now, so that
// no share is saved up.
type tenant[K comparable] struct {
	name  string
	tasks int // Entries that refer to it.
	lines lines[K]
	start uint64
	index int // Its place among the tenants with a due task, or unqueued.
}

// tenants are those who share one bucket.
type tenants[K comparable] struct {
	byName map[string]*tenant[K]
	active tenantHeap[K] // Those with a due task.
	// virtual is the start tag of the last turn.
	virtual uint64
}

// of returns the tenant of a name, new where it has no task.
func (ts *tenants[K]) of(name string) *tenant[K] {
	t, ok := ts.byName[name]
	if !ok {
		t = &tenant[K]{name: name, start: ts.virtual, index: unqueued}
		ts.byName[name] = t
	}
	return t
}

// fit sorts a tenant in or out after its lines have changed.
func (ts *tenants[K]) fit(t *tenant[K]) {
	switch {
	case t.lines.count > 0 && t.index == unqueued:
		t.start = max(t.start, ts.virtual)
		heap.Push(&ts.active, t)
	case t.lines.count == 0 && t.index != unqueued:
		heap.Remove(&ts.active, t.index)
	}
	if t.tasks == 0 {
		delete(ts.byName, t.name)
	}
}

// serve moves the next tenant on and returns it; there must be one.
func (ts *tenants[K]) serve() *tenant[K] {
	t := ts.active[0]
	ts.virtual = t.start
	t.start++
	heap.Fix(&ts.active, 0)
	return t
}

// tenantHeap implements heap.Interface.
type tenantHeap[K comparable] []*tenant[K]

func (h tenantHeap[K]) Len() int           { return len(h) }
func (h tenantHeap[K]) Less(i, j int) bool { return h[i].start < h[j].start }

func (h tenantHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *tenantHeap[K]) Push(x any) {
	t := x.(*tenant[K])
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop implements heap.Interface.
func (h *tenantHeap[K]) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = unqueued
	return t
}
