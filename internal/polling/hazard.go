package polling

import (
	"math"
	"time"
)

// Ages are sorted into bands, five for each doubling from 50 ms up, so that durations
// that vary by a fifth span several. The last one takes all that is older than two hours.
const (
	bandCount = 17 * perDouble
	perDouble = 5
	firstBand = 50 * time.Millisecond
	// nearby is how many bands on each side count for a band, too: if polls are
	// far apart the answers do not separate one band from the next. Where few tasks
	// finish it takes the bands of a wider surrounding: ages from half to twice as high.
	nearby      = 3
	surrounding = perDouble
)

const (
	// priorWorth is how many seconds of watching the prior counts for.
	priorWorth = 0.5
	// steepest is how much more the prior may expect of a band than of the one before. So
	// tasks that are stuck are not expected to finish at the first age that none has reached.
	steepest = 1.25
	// everFew is the share of tasks that the prior expects to finish young, even if none did before. So
	// new tasks are polled before a crowd that is stuck, and teach that they are not.
	everFew = 0.01
	// leaning is how many tasks the common hazard counts for in that of a kind.
	leaning = 5
	// memory is how many tasks that lived through a band are remembered of it: a
	// crowd that is over gives way to the next hundred tasks.
	memory = 100
	// forgetHalf is how long it takes until what was learned counts for half.
	forgetHalf = 15 * time.Minute
	// certain bounds the accumulated hazard. Beyond it a task has finished for all
	// we know, and numbers would run out of range.
	certain = 40
)

// The plan is made again when the news are a newsShare of the last maxNews answers, but not
// within newsPause of the last time, and after newsEvery at the latest.
const (
	newsShare = 1.0 / 16
	maxNews   = 2400
	newsPause = time.Second
	newsEvery = time.Minute
)

// bandStarts holds the age at which each band begins, in seconds; one more for
// the end of the last.
var bandStarts = func() (starts [bandCount + 1]float64) {
	for band := 1; band < len(starts); band++ {
		starts[band] = firstBand.Seconds() * math.Exp2(float64(band)/perDouble)
	}
	return starts
}()

// bandOf returns the band of an age in seconds.
func bandOf(age float64) int {
	if age < bandStarts[1] {
		return 0
	}
	band := min(int(math.Log2(age/firstBand.Seconds())*perDouble), bandCount-1)
	switch { // The logarithm is not exact.
	case age < bandStarts[band]:
		return band - 1
	case band < bandCount-1 && age >= bandStarts[band+1]:
		return band + 1
	}
	return band
}

// hazard is how soon tasks finish: for each band the finishes per second among
// the tasks of that age that have not. It is learned from the answers: finishes
// over the time watched, on top of a prior. The common hazard of a bucket has a prior
// that knows no scale, and is itself the prior of those of its kinds.
//
// If people follow requests that ended long ago, first answers make the hazard of
// the youngest band high, and first polls move to the front.
type hazard struct {
	finishes, watched [bandCount]float64 // Tasks; seconds.
	rates             [bandCount]float64 // Finishes per second.
	ended             [bandCount]float64 // The finishes in this band and later.
	sums              [bandCount]float64 // The rates, accumulated up to the start of the band.
	plan              plan
	planner           planner
	common            *hazard       // What that of a kind leans on; nil for the common one itself.
	answers, news     float64       // Up to maxNews; since the last estimate, those more that were less expected.
	estimated         time.Duration // When that was.
}

func newHazard(now time.Duration, common *hazard, p planner) *hazard {
	h := &hazard{estimated: now, common: common, planner: p}
	h.estimate(now)
	return h
}

// learn notes an answer about a task that was unfinished at age from: at age to,
// now, it has finished or has not. When it did is not known, so a finish is
// shared out among the bands in between, and the time before it as well, by what
// the rates so far let expect (the EM algorithm, one step for each answer).
func (h *hazard) learn(now, from, to time.Duration, finished bool) {
	if h.common != nil {
		h.common.learn(now, from, to, finished)
	}
	begin, end := max(from, 0).Seconds(), max(to, 0).Seconds()
	low, high := bandOf(begin), bandOf(end)
	// The probabilities of being unfinished after all of it, and of this answer.
	accumulated := min(h.until(end)-h.until(begin), certain)
	alive, expected := 1.0, math.Exp(-accumulated)
	if finished {
		alive, expected = expected, -math.Expm1(-accumulated)
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
	h.answers = min(h.answers+1, maxNews)
	h.news += 1 / max(expected, math.Exp(-certain))
	if since := now - h.estimated; h.news >= newsShare*h.answers && since >= newsPause || since >= newsEvery {
		h.estimate(now)
	}
}

// overlap returns how many seconds of the ages from begin to end lie in a band.
func overlap(band int, begin, end float64) float64 {
	if band < bandCount-1 {
		end = min(end, bandStarts[band+1])
	}
	return max(end-max(begin, bandStarts[band]), 0)
}

func (h *hazard) forget(now time.Duration) {
	keep := math.Exp2(-float64(now-h.estimated) / float64(forgetHalf))
	ended := 0.0
	for band := bandCount - 1; band >= 0; band-- {
		kept := min(keep, memory*(bandStarts[band+1]-bandStarts[band])/h.watched[band])
		h.finishes[band] = flushTiny(h.finishes[band] * kept)
		h.watched[band] = flushTiny(h.watched[band] * kept)
		ended += h.finishes[band]
		h.ended[band] = ended
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

// estimate computes the rates and the plan again. The common prior of an age is
// 1/(age + 1 s): a task of any age is about as likely as not to finish before it is twice
// as old.
func (h *hazard) estimate(now time.Duration) {
	h.forget(now)
	h.news, h.estimated = 0, now
	expected := math.Inf(1) // By the prior, of the band before.
	for band := range h.rates {
		width := bandStarts[band+1] - bandStarts[band]
		var rate, worth float64 // What is expected, and the seconds of watching that this counts for.
		if h.common == nil {
			finishes, watched := h.around(band, surrounding)
			age := bandStarts[band] + 1
			expected = min(priorWorth/age/(priorWorth+watched), expected*steepest)
			expected = max(expected, everFew/(age*age))
			rate = expected + finishes/(priorWorth+watched)
			worth = 1 / rate // A finish.
		} else {
			rate, worth = h.common.rates[band], leaning*width
		}
		finishes, watched := h.around(band, nearby)
		h.rates[band] = (worth*rate + finishes) / (worth + watched)
		if band+1 < bandCount {
			h.sums[band+1] = h.sums[band] + h.rates[band]*width
		}
	}
	h.planner(h)
}

// until returns the hazard accumulated up to an age in seconds.
func (h *hazard) until(age float64) float64 {
	band := bandOf(age)
	return h.sums[band] + h.rates[band]*(age-bandStarts[band])
}

// around returns what was learned of a band and some on each side, which count less.
func (h *hazard) around(band, sides int) (finishes, watched float64) {
	for other := max(band-sides, 0); other <= min(band+sides, bandCount-1); other++ {
		weight := 1 - math.Abs(float64(other-band))/float64(sides+1)
		finishes += weight * h.finishes[other]
		watched += weight * h.watched[other]
	}
	return finishes, watched
}
