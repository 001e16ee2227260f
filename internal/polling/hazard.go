package polling

import (
	"math"
	"time"
)

// Ages are sorted into bands, two for each doubling from 50 ms up. The last one
// takes all that is older than some ten hours.
const (
	bandCount = 40
	firstBand = 50 * time.Millisecond
	// smoothing is how many bands on each side count for a band, too: if polls are
	// far apart the answers do not separate one band from the next.
	smoothing = 2
)

const (
	// priorWorth is how many seconds of watching the prior counts for.
	priorWorth = 2
	// memory is how many tasks that lived through a band are remembered of it: a
	// crowd that is over gives way to the next few hundred tasks.
	memory = 300
	// forgetHalf is how long it takes until what was learned counts for half.
	forgetHalf = 15 * time.Minute
	// certain bounds the accumulated hazard. Beyond it a task has finished for all
	// we know, and numbers would run out of range.
	certain = 40
)

// bandStarts holds the age at which each band begins, in seconds; one more for
// the end of the last.
var bandStarts = func() (starts [bandCount + 1]float64) {
	for band := 1; band < len(starts); band++ {
		starts[band] = firstBand.Seconds() * math.Pow(2, float64(band)/2)
	}
	return starts
}()

// bandOf returns the band of an age in seconds.
func bandOf(age float64) int {
	fraction, doublings := math.Frexp(age / firstBand.Seconds()) // fraction in [½, 1)
	band := 2 * (doublings - 1)
	if fraction >= math.Sqrt2/2 {
		band++
	}
	return min(max(band, 0), bandCount-1)
}

// hazard is how soon tasks finish: for each band the finishes per second among
// the tasks of that age that have not. It is learned from the answers: finishes
// over the time watched, on top of a prior that knows no scale.
//
// If people follow requests that ended long ago, first answers make the hazard of
// the youngest band high, and first polls move to the front.
type hazard struct {
	finishes, watched [bandCount]float64 // Tasks; seconds.
	rates             [bandCount]float64 // Finishes per second.
	sums              [bandCount]float64 // The rates, accumulated up to the start of the band.
	aged              time.Duration      // Until when forgetting has been applied.
}

func newHazard(now time.Duration) *hazard {
	h := &hazard{aged: now}
	h.estimate()
	return h
}

// learn notes an answer about a task that was unfinished at age from: at age to,
// now, it has finished or has not. When it did is not known, so a finish is
// shared out among the bands in between, and the time before it as well, by what
// the rates so far let expect (the EM algorithm, one step for each answer).
func (h *hazard) learn(now, from, to time.Duration, finished bool) {
	h.forget(now)
	begin, end := max(from, 0).Seconds(), max(to, 0).Seconds()
	low, high := bandOf(begin), bandOf(end)
	alive := 1.0 // The probability of being unfinished after all of it.
	if finished {
		alive = math.Exp(-min(h.until(end)-h.until(begin), certain))
	}
	before := 1.0 // The same at the start of a band.
	for band := low; band <= high; band++ {
		watched := overlap(band, begin, end)
		if alive < 1 {
			ended := before * -math.Expm1(-h.rates[band]*watched)
			h.finishes[band] += ended / (1 - alive)
			watched = (ended/h.rates[band] - watched*alive) / (1 - alive)
			before -= ended
		}
		h.watched[band] += max(watched, 0)
	}
	h.estimate()
}

// overlap returns how many seconds of the ages from begin to end lie in a band.
func overlap(band int, begin, end float64) float64 {
	if band < bandCount-1 {
		end = min(end, bandStarts[band+1])
	}
	return max(end-max(begin, bandStarts[band]), 0)
}

func (h *hazard) forget(now time.Duration) {
	keep := math.Exp2(-float64(now-h.aged) / float64(forgetHalf))
	h.aged = now
	for band := range h.watched {
		kept := min(keep, memory*(bandStarts[band+1]-bandStarts[band])/h.watched[band])
		h.finishes[band] = flushTiny(h.finishes[band] * kept)
		h.watched[band] = flushTiny(h.watched[band] * kept)
	}
}

// flushTiny rounds values that decay has made meaningless to zero: subnormal numbers
// are slow, and a value would reach them in some days.
func flushTiny(x float64) float64 {
	if x < 1e-12 {
		return 0
	}
	return x
}

// estimate computes the rates again. The prior of an age is 1/(age + 1 s): a task
// of any age is about as likely as not to finish before it is twice as old.
func (h *hazard) estimate() {
	for band := range h.rates {
		var finishes, watched float64
		for near := max(band-smoothing, 0); near <= min(band+smoothing, bandCount-1); near++ {
			weight := 1 - math.Abs(float64(near-band))/(smoothing+1)
			finishes += weight * h.finishes[near]
			watched += weight * h.watched[near]
		}
		prior := 1 / (bandStarts[band] + 1)
		h.rates[band] = (priorWorth*prior + finishes) / (priorWorth + watched)
		if band > 0 {
			h.sums[band] = h.sums[band-1] + h.rates[band-1]*(bandStarts[band]-bandStarts[band-1])
		}
	}
}

// until returns the hazard accumulated up to an age in seconds.
func (h *hazard) until(age float64) float64 {
	band := bandOf(age)
	return h.sums[band] + h.rates[band]*(age-bandStarts[band])
}

// worth returns what a poll at age to is worth, of a task that was last
// known to be unfinished at age from: the seconds of undetected finish that make
// it as good to poll now as later.
//
// That is the Whittle index of "minimise the time that finished tasks stay
// undetected". With S the probability that the task is still unfinished, r the
// rate at its age, and c the price of a poll, polling whenever x seconds have
// passed costs V = ∫₀ˣ(1-S) + c + S·V. The best x has (1-S) = r·S·V, and solved
// for c that is (1-S)²/(r·S) - ∫₀ˣ(1-S). The integral is taken for the mean rate
// of the interval. For small hazards it is r·x²/2, whose order is that of x·√r.
func (h *hazard) worth(from, to time.Duration) float64 {
	begin, end := max(from, 0).Seconds(), max(to, 0).Seconds()
	accumulated := min(h.until(end)-h.until(begin), certain)
	if accumulated <= 0 {
		return 0
	}
	unfinished, finished := math.Exp(-accumulated), -math.Expm1(-accumulated)
	undetected := (end - begin) * (1 - finished/accumulated)
	return finished*finished/(h.rates[bandOf(end)]*unfinished) - undetected
}
