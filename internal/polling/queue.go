package polling

import (
	"container/heap"
	"time"
)

// unqueued is the index of an entry that waits for no turn.
const unqueued = -1

// The bounds of the interval between two questions about one task: a tenth of
// its age, so that an answer is never staler than that, within these.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 30 * time.Second
	ageShare    = 10
	// jitterShare spreads the questions of tasks that were born together.
	jitterShare = 0.1
)

// entry is a task, from its first Ask to Forget.
type entry[K comparable] struct {
	key    K
	bucket *bucket[K]
	tenant string
	born   time.Time
	asked  time.Time // When the last turn was returned; zero before.
	due    time.Time
	turn   *Turn[K] // The turn that it holds, or nil.
	index  int      // Its place in the heap, or unqueued.
}

// Interval returns the time between two questions about a task of some age.
func Interval(age time.Duration) time.Duration {
	return min(max(age/ageShare, minInterval), maxInterval)
}

// dueTime returns when the task should be asked next. first is when it should
// be where it never was; luck in [0,1) is the jitter.
func (e *entry[K]) dueTime(first, notBefore time.Time, luck float64) time.Time {
	due := first
	if !e.asked.IsZero() {
		interval := Interval(e.asked.Sub(e.born))
		due = e.asked.Add(interval + time.Duration(jitterShare*(luck-0.5)*float64(interval)))
	}
	return latest(due, notBefore)
}

// queue orders the tasks that wait for a turn: the one that is due for the
// longest time first.
type queue[K comparable] struct{ byDue dueHeap[K] }

// put adds an entry, or moves it to where its due time says.
func (q *queue[K]) put(e *entry[K]) {
	if e.index == unqueued {
		heap.Push(&q.byDue, e)
		return
	}
	heap.Fix(&q.byDue, e.index)
}

// drop takes an entry out, where it is in.
func (q *queue[K]) drop(e *entry[K]) {
	if e.index != unqueued {
		heap.Remove(&q.byDue, e.index)
	}
}

// next takes out the entry to be asked now, nil where none is due.
func (q *queue[K]) next(now time.Time) *entry[K] {
	if due, ok := q.earliest(); !ok || due.After(now) {
		return nil
	}
	return heap.Pop(&q.byDue).(*entry[K])
}

// earliest returns when the first entry is due.
func (q *queue[K]) earliest() (time.Time, bool) {
	if len(q.byDue) == 0 {
		return time.Time{}, false
	}
	return q.byDue[0].due, true
}

// dueHeap implements heap.Interface.
type dueHeap[K comparable] []*entry[K]

func (h dueHeap[K]) Len() int           { return len(h) }
func (h dueHeap[K]) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h dueHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap[K]) Push(x any) {
	e := x.(*entry[K])
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *dueHeap[K]) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.index = unqueued
	return e
}
