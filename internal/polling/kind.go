package polling

import "time"

// maxKinds bounds the kinds whose durations a bucket learns. Further ones share the
// common hazard.
const maxKinds = 100

// kind is the tasks of one kind in a bucket, or those of no known kind.
type kind struct {
	*hazard
	name  string
	tasks int
	idle  time.Duration // Since when there is no task.
}

// kindOf returns the kind of a name, for one more task: the common one if there is no name,
// or if too many other kinds are in use.
func (b *bucket[K]) kindOf(name string, now time.Duration) *kind {
	k := b.kinds[name]
	if k == nil && name != "" {
		b.dropKinds(now)
	}
	switch {
	case k != nil:
	case name == "" || len(b.kinds) >= maxKinds:
		k = b.common
	default:
		k = &kind{name: name, hazard: newHazard(now, b.common.hazard, b.planner)}
		b.kinds[name] = k
	}
	k.tasks++
	return k
}

// leave notes that a kind has one task fewer.
func (k *kind) leave(now time.Duration) {
	k.tasks--
	k.idle = now
}

// dropKinds makes room for a kind: it drops those that have not been used for long, and if
// there are as many as may be, the one that has not been used for longest.
func (b *bucket[K]) dropKinds(now time.Duration) {
	longest, oldest := "", now+1
	for name, k := range b.kinds {
		switch {
		case k.tasks > 0:
		case now-k.idle > keepIdle:
			delete(b.kinds, name)
		case k.idle < oldest:
			longest, oldest = name, k.idle
		}
	}
	if len(b.kinds) >= maxKinds && oldest <= now {
		delete(b.kinds, longest)
	}
}

// know lets a task have a kind that had none.
func (b *bucket[K]) know(e *entry[K], name string, now time.Duration) {
	if name != "" && e.kind == b.common {
		e.kind.leave(now)
		e.kind = b.kindOf(name, now)
	}
}
