package polling

import (
	"math"
	"slices"
	"time"
)

// heardFor is how long a result of a tenant says how its calls go: longer than the
// longest interval between two polls of a task.
const heardFor = time.Minute

// lane is the tasks of one tenant in one region. A gate weighs lanes, not tasks: the
// odd requests of one tenant, however many, are one lane that fails beside those
// that are answered.
type lane[K comparable] struct {
	position // Among the lanes of its gate that have parked tasks.
	gate     *gate[K]
	tenant   string
	tasks    int
	parked   heap[*entry[K]]
	tried    time.Duration // When it last got a turn, or never.
	heard    time.Duration // When its last result came, or never if the gate has dropped it.
	share    float64       // Of clean results, weighted exponentially.
}

type laneName struct{ region, tenant string }

// laneOf returns the lane of a tenant in a region, new if it has no task.
func (b *bucket[K]) laneOf(region, tenant string) *lane[K] {
	name := laneName{region, tenant}
	l, ok := b.lanes[name]
	if !ok {
		l = &lane[K]{gate: b.gateOf(region), tenant: tenant, tried: never, heard: never}
		b.lanes[name] = l
	}
	return l
}

// fit lets the bucket drop a lane that nobody uses.
func (l *lane[K]) fit() {
	if b, name := l.gate.bucket, (laneName{l.gate.region, l.tenant}); l.tasks == 0 && l.heard == never && b.lanes[name] == l {
		delete(b.lanes, name)
	}
}

// file sorts a lane by when the gate sends back its next task. A closed gate lets the
// lanes take turns.
func (l *lane[K]) file() {
	g := l.gate
	g.lanes.take(l)
	switch {
	case len(l.parked) == 0:
	case g.healthy():
		g.lanes.put(l, l.parked.next())
	default:
		g.lanes.put(l, l.tried)
	}
}

// hear counts a result of a lane. The gate's share is the mean of the lanes heard
// lately, so that a result weighs more the more lanes there are. A clean result of a
// closed gate is news: what others said before it is dropped.
func (g *gate[K]) hear(tenant string, now time.Duration, weight int, clean bool) {
	from := g.bucket.laneOf(g.region, tenant)
	news := clean && !g.healthy()
	g.heard = slices.DeleteFunc(g.heard, func(l *lane[K]) bool {
		if l == from || !news && now-l.heard <= heardFor {
			return false
		}
		l.heard = never
		l.fit()
		return true
	})
	if from.heard == never {
		from.share = g.share
		g.heard = append(g.heard, from)
	}
	from.heard = now
	keep := math.Pow(remembered, float64(weight*len(g.heard)))
	from.share *= keep
	if clean {
		from.share += 1 - keep
	}
	var sum float64
	for _, l := range g.heard {
		sum += l.share
	}
	g.share = sum / float64(len(g.heard))
	g.results += uint32(weight) //nolint:gosec // It is small, and the sum may wrap.
}
