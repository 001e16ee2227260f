package polling

import (
	"container/heap"
	"math"
	"time"
)

// The interval between two questions about one task is an eleventh of its age and a
// second, so that while the quota allows it an answer is on average less than
// 5 % of the age late, and the first seconds cost few questions.
const (
	youth       = time.Second
	ageShare    = 11
	maxInterval = 30 * time.Second
	// jitterShare spreads the questions of tasks that were born together.
	jitterShare = 0.1
)

// never is the time of what has not happened, ever of what will not.
const (
	never = time.Duration(math.MinInt64)
	ever  = time.Duration(math.MaxInt64)
)

// unqueued is the index of an entry that is in no heap.
const unqueued = -1

// entry is a task, from its first Ask to Forget. It waits to be due (index), is
// due (line), holds a turn, or none of these. Times are since the scheduler's
// epoch.
type entry[K comparable] struct {
	key    K
	bucket *bucket[K]
	tenant *tenant[K]
	turn   *Turn[K] // The turn that it holds, or nil.

	line       *line[K] // The line of due tasks that it stands in, or nil.
	prev, next *entry[K]

	born  time.Duration
	asked time.Duration // When the last turn was returned, or never.
	known time.Duration // When it was last known to be unfinished, or never.
	due   time.Duration
	index int // Its place among the tasks that are not yet due, or unqueued.
}

// Interval returns the time between two questions about a task of some age.
func Interval(age time.Duration) time.Duration {
	return min((max(age, 0)+youth)/ageShare, maxInterval)
}

// dueTime returns when the task should be asked next; luck in [0,1) is the
// jitter. A task that was never asked is due since now.
func (e *entry[K]) dueTime(now, notBefore time.Duration, luck float64) time.Duration {
	due := now
	if e.asked != never {
		interval := Interval(e.asked - e.born)
		due = e.asked + interval + time.Duration(jitterShare*(luck-0.5)*float64(interval))
	}
	return max(due, notBefore)
}

// since returns when the task's present wait for an answer began.
func (e *entry[K]) since() time.Duration {
	if e.asked == never {
		return e.born
	}
	return e.asked
}

// dueHeap orders the tasks that are not yet due by when they will be. It
// implements heap.Interface.
type dueHeap[K comparable] []*entry[K]

func (h dueHeap[K]) Len() int           { return len(h) }
func (h dueHeap[K]) Less(i, j int) bool { return h[i].due < h[j].due }

func (h dueHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *dueHeap[K]) Push(x any) {
	e := x.(*entry[K])
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *dueHeap[K]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.index = unqueued
	return e
}

// take takes an entry out, where it is in.
func (h *dueHeap[K]) take(e *entry[K]) {
	if e.index != unqueued {
		heap.Remove(h, e.index)
	}
}

// move lets another tenant pay for the task's next turn: its own where the task
// does not wait, or the one with fewer tasks, since a task that several follow
// must not wait in the longest queue. The task is to be placed anew after that.
func (e *entry[K]) move(name string) {
	from, ts := e.tenant, &e.bucket.tenants
	if name == from.name {
		return
	}
	if to, ok := ts.byName[name]; ok && to.tasks >= from.tasks && (e.line != nil || e.index != unqueued) {
		return
	}
	e.bucket.displace(e)
	from.tasks--
	ts.fit(from)
	e.tenant = ts.of(name)
	e.tenant.tasks++
}
