package polling

import "time"

// bucket is one quota: its slots, and the tasks that wait for them.
type bucket[K comparable] struct {
	name  Bucket
	slots int
	out   int // Slots held by turns.
	// cooling holds when each slot of a returned turn is free again, in order:
	// turns are returned in the order of time.
	cooling []time.Time
	queue   queue[K]
	tasks   int // Entries that refer to this bucket, queued or not.
	timer   *time.Timer
}

func (b *bucket[K]) free() int { return b.slots - b.out - len(b.cooling) }

// cool takes back the slots whose Window has passed. Later than, not at: a
// window of the server that includes both its ends holds no more than R either.
func (b *bucket[K]) cool(now time.Time) {
	n := 0
	for n < len(b.cooling) && now.After(b.cooling[n]) {
		n++
	}
	b.cooling = b.cooling[:copy(b.cooling, b.cooling[n:])]
}

// arm sets the timer to the next moment at which a turn could be granted. While
// every slot is held by a turn there is none: the next Return pumps.
func (b *bucket[K]) arm(now, opens time.Time) {
	var at time.Time
	switch due, waiting := b.queue.earliest(); {
	case waiting && b.free() > 0:
		at = latest(due, opens)
	case len(b.cooling) > 0:
		at = b.cooling[0].Add(1)
	default:
		b.timer.Stop()
		return
	}
	b.timer.Reset(at.Sub(now))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
