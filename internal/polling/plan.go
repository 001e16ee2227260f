package polling

import (
	"math"
	"time"
)

// A poll has a price: the seconds of undetected finish that it must be expected to save.
// While slots are idle a task is due at the price of dueLevel, at which one alone costs some
// ten calls. Each level above costs twice as much. Those below, each a quarter, order
// tasks that are due for another reason.
const (
	levelCount = 16
	dueLevel   = 4
	duePrice   = 0.04
)

// What was learned may be wrong. So an interval is at most an eleventh of the age and a
// second while nothing is known of that age, and the more tasks have lived through it and
// then finished, the longer, up to the whole: a crowd that is stuck says nothing of others. It is
// an eleventh, too, while slots are spent on tasks that are due for no reason but
// maxInterval. Ages that are closer than leastInterval are in one band.
const (
	youth         = time.Second
	doubtShare    = 11
	trustShare    = 1
	trusted       = 2 // So many tasks leave half of the doubt.
	trustEach     = 4 // So many that lived through an age are trusted for each that finished later.
	maxInterval   = 30 * time.Second
	leastInterval = firstBand
)

func priceOf(level int) float64 {
	if level < dueLevel {
		return math.Ldexp(duePrice, 2*(level-dueLevel))
	}
	return math.Ldexp(duePrice, level-dueLevel)
}

// interval returns the time from now to the next poll of a task that is answered now, if
// the quota allows it.
func (e *entry[K]) interval(now time.Duration) time.Duration {
	age := now - e.born
	from := markOf(age)
	planned := time.Duration((e.kind.plan.next(dueLevel, from) - from.age) * float64(time.Second))
	share := float64(doubtShare)
	if now-e.lane.gate.bucket.spare > congestedFor {
		lived := min(e.kind.watched[from.band]/(bandStarts[from.band+1]-bandStarts[from.band]), trustEach*e.kind.ended[from.band])
		share = trustShare + (doubtShare-trustShare)/(1+lived/trusted)
	}
	most := time.Duration(float64(age+youth) / share)
	return max(min(planned, most, maxInterval), leastInterval)
}

// spares reports whether a due task is worth so little that it is due for no reason but
// maxInterval.
func (e *entry[K]) spares(now time.Duration) bool {
	return e.line < dueLevel && now-e.since() > maxInterval*9/10
}

// plan says when a task is next polled, at each price: the age in seconds, by the
// age at which it was last known to be unfinished, at the start of each band.
type plan [levelCount][bandCount]float32

// planner makes the plan of a hazard. The benchmarks compare others with solve.
type planner func(h *hazard)

// mark is an age to look up in a plan.
type mark struct {
	age, part float64 // Seconds; which part of the band has passed.
	band      int
}

func markOf(age time.Duration) mark {
	m := mark{age: max(age, 0).Seconds()}
	m.band = bandOf(m.age)
	if m.band < bandCount-1 {
		m.part = (m.age - bandStarts[m.band]) / (bandStarts[m.band+1] - bandStarts[m.band])
	}
	return m
}

// next returns the age in seconds at which a task is polled next at a level of prices,
// if it was last known to be unfinished at another.
func (p *plan) next(level int, from mark) float64 {
	at := float64(p[level][from.band])
	if from.band == bandCount-1 {
		return from.age + at - bandStarts[bandCount-1]
	}
	return at + from.part*(float64(p[level][from.band+1])-at)
}

// solve makes the plan that minimises the undetected time plus the price of the
// polls, by dynamic programming over the age. With S(s,t) the probability that a task
// that is unfinished at age s is so at t, c the price, and V(s) what is yet to be paid at s:
//
//	V(s) = min over t > s of  c + ∫ₛᵗ (1 - S(s,u)) du + S(s,t)·V(t)
//
// The price at which a task is due for a poll is its Whittle index: while more tasks
// are due than there are slots, that with the highest goes first.
func (h *hazard) solve() {
	var survive, lived [bandCount]float64 // The probability to survive a band, and the seconds lived in it.
	for band := range survive {
		width := bandStarts[band+1] - bandStarts[band]
		survive[band] = math.Exp(-h.rates[band] * width)
		lived[band] = (1 - survive[band]) / h.rates[band]
	}
	for level := range levelCount {
		h.solveAt(level, priceOf(level), &survive, &lived)
	}
}

func (h *hazard) solveAt(level int, price float64, survive, lived *[bandCount]float64) {
	var ahead [bandCount]float64 // V.
	next := &h.plan[level]
	for band := bandCount - 1; band >= 0; band-- {
		rate, start := h.rates[band], bandStarts[band]
		// Of a rate that does not change, c·rate = exp(y) - 1 - y for polls y/rate apart, and
		// V·rate = exp(y) - 1.
		root := math.Sqrt(2 * price * rate)
		y := root * (1 - root/6 + root*root/36)
		at := start + y/rate
		switch {
		case band == bandCount-1:
			ahead[band] = math.Expm1(y) / rate
		case at <= bandStarts[band+1] && root < 1:
			ahead[band] = math.Expm1(y)*lived[band] + survive[band]*ahead[band+1] //nolint:gosec // This is not the last band.
		default:
			at, ahead[band] = soonest(price, band, survive, lived, &ahead)
		}
		if level > 0 {
			at = max(at, float64(h.plan[level-1][band]))
		}
		next[band] = float32(at)
	}
}

// soonest returns the best age for the next poll of a task at the start of a band, which
// is the start of a later one or, by a parabola, near it, and V.
func soonest(price float64, band int, survive, lived, ahead *[bandCount]float64) (age, least float64) {
	least = math.Inf(1)
	alive, late := 1.0, 0.0
	var at int
	var last, before, after float64
	for to := band + 1; to < bandCount; to++ {
		late += bandStarts[to] - bandStarts[to-1] - alive*lived[to-1]
		alive *= survive[to-1]
		cost := price + late + alive*ahead[to]
		switch {
		case cost < least:
			at, before, least, after = to, last, cost, cost
		case to == at+1:
			after = cost
		}
		if price+late > least {
			break
		}
		last = cost
	}
	shift := 0.0
	if bend := before - 2*least + after; at > band+1 && bend > 0 {
		shift = (before - after) / (2 * bend)
	}
	return bandStarts[at] * math.Exp2(shift/perDouble), least
}
