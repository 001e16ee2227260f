package polling

import (
	"fmt"
	"slices"
	"testing"
)

// faults looks at everything that a scheduler keeps, and returns what does not
// fit together. With settled, all timers that were due must have run: then it
// looks as well for a slot that is idle although a task is due.
func (s *Scheduler[K]) faults(settled bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	tasks, members := map[any]int{}, map[state]int{}
	for key, e := range s.entries {
		b := e.lane.gate.bucket
		tasks[b]++
		tasks[e.lane.gate]++
		tasks[e.lane]++
		tasks[e.tenant]++
		tasks[e.kind]++
		members[e.state]++
		if b.tenants.byName[e.tenant.name] != e.tenant || b.regions[e.lane.gate.region] != e.lane.gate {
			wrong("%v has a tenant or a region that its bucket does not know", key)
		}
	}
	queued, turns := map[state]int{}, 0
	for _, b := range s.buckets {
		if b.tasks != tasks[b] {
			wrong("the bucket counts %d tasks and has %d", b.tasks, tasks[b])
		}
		turns += b.out
		found = append(found, b.faults(tasks, queued)...)
		if settled && s.running {
			found = append(found, s.idling(b)...)
		}
	}
	for _, state := range []state{waiting, due, parked} {
		if queued[state] != members[state] {
			wrong("%d tasks are in state %d, and %d in its heaps", members[state], state, queued[state])
		}
	}
	if turns != s.out || s.out > s.maxOut {
		wrong("%d turns are out and %d counted, of %d", turns, s.out, s.maxOut)
	}
	return append(found, s.held.faults()...)
}

// faults is the part of one bucket. It counts the tasks in heaps.
func (b *bucket[K]) faults(tasks map[any]int, queued map[state]int) []string {
	var found []string
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	look := func(h heap[*entry[K]], in state) {
		found = append(found, h.faults()...)
		for _, k := range h {
			queued[in]++
			if k.item.state != in {
				wrong("%v is in state %d and in a heap of state %d", k.item.key, k.item.state, in)
			}
		}
	}
	if b.out < 0 || b.used() > b.limit.most {
		wrong("%d slots are out and %d cooling down, of %d", b.out, len(b.coolingDown), b.limit.most)
	}
	if b.limit.slots < 1 || b.limit.whole() > b.limit.most {
		wrong("%v slots may be used, of %d", b.limit.slots, b.limit.most)
	}
	for name, k := range b.kinds {
		if k.tasks != tasks[k] || k.name != name {
			wrong("kind %q counts %d tasks and has %d", name, k.tasks, tasks[k])
		}
	}
	if b.common.tasks != tasks[b.common] || len(b.kinds) > maxKinds {
		wrong("%d tasks of no known kind are counted, of %d; %d kinds", b.common.tasks, tasks[b.common], len(b.kinds))
	}
	look(b.waiting, waiting)
	for name, t := range b.tenants.byName {
		if t.tasks != tasks[t] || t.tasks == 0 && t.start <= b.tenants.virtual {
			wrong("tenant %q counts %d tasks and has %d", name, t.tasks, tasks[t])
		}
		count, chained := 0, 0
		for _, line := range &t.lines.all {
			look(line, due)
			count += len(line)
		}
		for e := t.lines.first; e != nil; e = e.after {
			chained++
		}
		if count != t.lines.count || chained != count || (t.position > 0) != (count > 0 || t.tasks == 0) {
			wrong("tenant %q counts %d due tasks and has %d, %d of them in order", name, t.lines.count, count, chained)
		}
	}
	for name, l := range b.lanes {
		look(l.parked, parked)
		if l.tasks != tasks[l] || l.tasks == 0 && l.out == 0 && l.heard == never || b.regions[name.region] != l.gate {
			wrong("lane %v counts %d tasks and has %d", name, l.tasks, tasks[l])
		}
		if (l.position > 0) != (len(l.parked) > 0) {
			wrong("lane %v has %d parked tasks, and its gate does not know", name, len(l.parked))
		}
	}
	calls, sending := 0, 0
	for region, g := range b.regions {
		found = append(found, g.lanes.faults()...)
		calls += g.out
		if g.tasks != tasks[g] || g.tasks+g.out == 0 {
			wrong("region %q counts %d tasks and has %d", region, g.tasks, tasks[g])
		}
		if g.back != nil && g.back.state != due {
			wrong("%v was sent back and is in state %d", g.back.key, g.back.state)
		}
		if g.position > 0 {
			sending++
		} else if len(g.lanes) > 0 && g.back == nil && g.out == 0 {
			wrong("nothing opens the gate of region %q", region)
		}
	}
	if calls != b.out || sending != len(b.gates) {
		wrong("%d calls of regions are out, and %d of the bucket; %d gates send back, of %d", calls, b.out, sending, len(b.gates))
	}
	return append(found, slices.Concat(b.gates.faults(), b.tenants.active.faults(), b.tenants.spent.faults())...)
}

func (h heap[T]) faults() (found []string) {
	for i, k := range h {
		if *k.item.at() != i+1 || k.key < h[max(i-1, 0)/4].key {
			found = append(found, fmt.Sprintf("a heap of %T is out of order at %d", k.item, i))
		}
	}
	return found
}

// idling reports a slot that could be used now and is not.
func (s *Scheduler[K]) idling(b *bucket[K]) []string {
	now, back := s.now(), 0
	for _, at := range b.coolingDown {
		if now > at {
			back++
		}
	}
	if b.nextDue() < now && b.free()+back > 0 && now > max(s.opens, b.opens(now)) && b.out < s.maxOut-s.out {
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
