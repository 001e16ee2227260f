package polling

import (
	"fmt"
	"testing"
	"time"
)

// faults looks at everything that a scheduler keeps, and returns what does not
// fit together. With settled, whatever timers were due must have run: then it
// looks as well for a slot that is idle although a task is due.
func (s *Scheduler[K]) faults(settled bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	tasks := map[*bucket[K]]int{}
	members := map[*tenant[K]]int{}
	for key, e := range s.entries {
		tasks[e.bucket]++
		members[e.tenant]++
		places := 0
		if e.index != unqueued {
			places++
			if e.bucket.waiting[e.index] != e {
				wrong("%v is not where its index says", key)
			}
		}
		if e.line != nil {
			places++
		}
		if e.turn != nil && !e.turn.returned {
			places++
		}
		if places > 1 {
			wrong("%v is in %d places", key, places)
		}
		if e.bucket.tenants.byName[e.tenant.name] != e.tenant {
			wrong("%v has a tenant that its bucket does not know", key)
		}
	}
	for _, b := range s.buckets {
		if b.tasks != tasks[b] {
			wrong("the bucket counts %d tasks and has %d", b.tasks, tasks[b])
		}
		found = append(found, b.faults(members)...)
		if settled && s.running {
			found = append(found, b.idling(s.now(), s.opens)...)
		}
	}
	return found
}

// faults is the part of one bucket.
func (b *bucket[K]) faults(members map[*tenant[K]]int) []string {
	var found []string
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if b.out < 0 || b.out+len(b.cooling) > b.limit.most {
		wrong("%d slots are out and %d cooling, of %d", b.out, len(b.cooling), b.limit.most)
	}
	if b.limit.slots < 1 || b.limit.slots > b.limit.most {
		wrong("%d slots may be used, of %d", b.limit.slots, b.limit.most)
	}
	for i := 1; i < len(b.waiting); i++ {
		if b.waiting.Less(i, (i-1)/2) {
			wrong("the heap is out of order at %d", i)
		}
	}
	for name, t := range b.tenants.byName {
		if t.tasks != members[t] || t.tasks == 0 {
			wrong("tenant %q counts %d tasks and has %d", name, t.tasks, members[t])
		}
		count, used := 0, uint64(0)
		for place := range t.lines.all {
			at := &t.lines.all[place]
			var previous *entry[K]
			for e := at.first; e != nil; previous, e = e, e.next {
				count++
				used |= 1 << place
				if e.line != at || e.prev != previous || e.tenant != t {
					wrong("a line of %q is broken", name)
				}
			}
			if at.last != previous {
				wrong("a line of %q does not end at its last", name)
			}
		}
		if count != t.lines.count || used != t.lines.used {
			wrong("tenant %q counts %d due tasks in %b and has %d in %b", name, t.lines.count, t.lines.used, count, used)
		}
		if active := t.index != unqueued; active != (count > 0) {
			wrong("tenant %q with %d due tasks: active is %v", name, count, active)
		}
	}
	return found
}

// idling reports a slot that could be used now and is not.
func (b *bucket[K]) idling(now, opens time.Duration) []string {
	back := 0
	for _, at := range b.cooling {
		if now > at {
			back++
		}
	}
	due := b.anyDue() || len(b.waiting) > 0 && b.waiting[0].due < now
	if due && b.free()+back > 0 && now > max(opens, b.opens(now)) {
		return []string{fmt.Sprintf("%d slots are idle while a task is due", b.free()+back)}
	}
	return nil
}

func (s *Scheduler[K]) verify(t *testing.T, settled bool) {
	t.Helper()
	for _, fault := range s.faults(settled) {
		t.Error(fault)
	}
	if t.Failed() {
		t.FailNow()
	}
}
