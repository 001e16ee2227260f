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
// that are answered. A lane whose calls are answered passes a closed gate, and so does a
// new one.
type lane[K comparable] struct {
	position // Among the lanes of its gate that have parked tasks.
	gate     *gate[K]
	tenant   string
	tasks    int
	out      int // Turns.
	parked   heap[*entry[K]]
	tried    time.Duration // When it last got a turn, or never.
	heard    time.Duration // When its last result came, or never if the gate has dropped it.
	failed   int           // Failures in a row.
	result   int           // Which of its gate's results was its last.
	share    float64       // Of clean results, as the gate weighs them.

	// results is how many it had, and good the weight of the clean ones among them, each
	// counting 7/8 of the next. Other than share they do not depend on other lanes.
	results uint32
	good    float64
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
	if l.tasks == 0 && l.out == 0 && l.heard == never {
		delete(l.gate.bucket.lanes, laneName{l.gate.region, l.tenant})
	}
}

// fails reports whether the lane's calls fail, as far as its last ones say. One failure
// of a lane that was answered before may be chance.
func (l *lane[K]) fails() bool { return l.failed > 1 || l.failed == 1 && l.good == 0 }

// open reports whether the calls of a lane go through its gate as they come.
func (l *lane[K]) open() bool {
	return !l.fails() || l.gate.healthy()
}

// opens returns the time before which no call of the lane goes through.
func (l *lane[K]) opens() time.Duration {
	if l.open() {
		return never
	}
	return l.gate.opens()
}

// file sorts a lane by when the gate sends back its next task. A closed gate lets the
// lanes take turns, those first that were answered most of late, and sends back the
// tasks of an open lane before all.
func (l *lane[K]) file() {
	g := l.gate
	g.lanes.take(l)
	switch {
	case len(l.parked) == 0:
	case g.healthy():
		g.lanes.put(l, l.parked.next())
	case l.open():
		g.lanes.put(l, never)
	default:
		g.lanes.put(l, max(l.tried, never/2)-time.Duration(l.good*float64(heardFor)))
	}
}

// hear counts a result of a lane. The gate's share is the mean of the lanes heard
// lately, so that a result weighs more the more lanes there are. A lane whose tasks have
// ended counts for as many results more as there are lanes with tasks: not at all would
// leave those that fail, since it is an answer that ends a task. After news of a closed
// gate, what was heard of lanes that fail is dropped.
func (g *gate[K]) hear(from *lane[K], now time.Duration, weight int, clean, news bool) {
	g.heard = slices.DeleteFunc(g.heard, func(l *lane[K]) bool {
		stale := now-l.heard > heardFor || news && l.fails()
		if l == from || !stale {
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
	from.failed++
	if clean {
		from.failed = 0
	}
	from.results += uint32(weight) //nolint:gosec // It is small, and the sum may wrap.
	from.good = average(from.good, weight, clean)
	g.results++
	from.result = g.results
	present := 0
	for _, l := range g.heard {
		if l.tasks > 0 {
			present++
		}
	}
	others, sum := 0, 0.0
	for _, l := range g.heard {
		if l != from && (l.tasks > 0 || g.results-l.result <= present) {
			others++
			sum += l.share
		}
	}
	from.share = average(from.share, weight*(others+1), clean)
	g.share = (sum + from.share) / float64(others+1)
	from.file()
}

// average returns a share of clean results after some more.
func average(share float64, weight int, clean bool) float64 {
	keep := math.Pow(remembered, float64(weight))
	if clean {
		return share*keep + 1 - keep
	}
	return share * keep
}

// weight returns the weight of all results of a lane, between zero and one.
func (l *lane[K]) weight() float64 { return 1 - math.Pow(remembered, float64(l.results)) }

// blame keeps account of the weight of a task's own failures, before one more counts.
func (l *lane[K]) blame(e *entry[K], weight int) {
	since := math.Pow(remembered, float64(l.results-e.seen))
	e.blame = float32(1 - average(1-since*float64(e.blame), weight, false))
	e.seen = l.results + uint32(weight) //nolint:gosec // It is small, and the sum may wrap.
}

// others returns the share of clean results in the region without those of a task.
func (l *lane[K]) others(e *entry[K]) float64 {
	good, all := 0.0, -float64(e.blame)
	for _, heard := range l.gate.heard {
		good += heard.good
		all += heard.weight()
	}
	if good >= all {
		return 1
	}
	return good / all
}

// backoff returns how long a task whose call failed has to wait for itself. What
// happens to others as well costs it nothing but the call: the gate sees to
// that. A row of failures that is unlikely, given how the other tasks of the region
// fare, is its own. The backoff grows while others are answered.
func (l *lane[K]) backoff(e *entry[K]) time.Duration {
	if !l.gate.healthy() || e.failures < 2 || math.Pow(1-l.others(e), float64(e.failures)) > surprise {
		return 0
	}
	if e.backoff == 0 || l.gate.answered > e.tried-e.backoff {
		e.backoff = grow(e.backoff, firstBackoff)
	}
	return e.backoff
}
