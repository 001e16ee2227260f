package polling

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// lognormal is how tasks of the benchmarks last: median 4 s, sigma 0.8.
func lognormal(rng *rand.Rand) time.Duration {
	return time.Duration(4 * math.Exp(0.8*rng.NormFloat64()) * float64(time.Second))
}

// trueRate returns the hazard of tasks of some kinds at an age in seconds.
func trueRate(kinds []bound.Kind, age float64) float64 {
	density, alive := 0.0, 1e-12
	for _, k := range kinds {
		z := math.Log(age/k.Median) / k.Sigma
		density += k.Share * math.Exp(-z*z/2) / (math.Sqrt(2*math.Pi) * k.Sigma * age)
		alive += k.Share * math.Erfc(z/math.Sqrt2) / 2
	}
	return density/alive + 1e-6
}

// The learned hazard comes close to the true one.
func TestLearning(t *testing.T) {
	h := newHazard(0, nil, (*hazard).solve)
	rng := rand.New(rand.NewPCG(1, 1))
	now := time.Duration(0)
	for range 3000 {
		lasts, asked := lognormal(rng), time.Duration(0)
		for {
			next := asked + time.Duration(rng.ExpFloat64()*float64(2*time.Second))
			now += 50 * time.Millisecond
			h.learn(now, asked, next, lasts <= next)
			if lasts <= next {
				break
			}
			asked = next
		}
	}
	for _, age := range []float64{1.5, 2, 3, 4, 6, 8, 12, 16} {
		learned, truth := h.rates[bandOf(age)], trueRate(bound.OneKind, age)
		if off := learned/truth - 1; math.Abs(off) > 0.25 {
			t.Errorf("at %v s it learned %.3f finishes a second where %.3f is true", age, learned, truth)
		}
	}
}

func TestHazard(t *testing.T) {
	at := func(h *hazard, age float64) float64 { return h.rates[bandOf(age)] }
	for sentence, test := range map[string]func(t *testing.T, h *hazard){
		"where nothing is learned the rate falls with age": func(t *testing.T, h *hazard) {
			for band := 1; band < bandCount; band++ {
				if h.rates[band] >= h.rates[band-1] {
					t.Errorf("band %d: %v after %v", band, h.rates[band], h.rates[band-1])
				}
			}
		},
		"what was learned is forgotten by half in a quarter of an hour": func(t *testing.T, h *hazard) {
			for range 50 {
				h.learn(0, 4*time.Second, 5*time.Second, true)
			}
			before := h.finishes[bandOf(4.5)]
			h.forget(forgetHalf)
			if got := h.finishes[bandOf(4.5)] / before; math.Abs(got-0.5) > 1e-9 {
				t.Errorf("%v of it is left", got)
			}
		},
		"after days without a task of some age nothing is left of what was learned of it": func(t *testing.T, h *hazard) {
			h.learn(0, 4*time.Second, 5*time.Second, true)
			for now := time.Hour; now < 11*24*time.Hour; now += time.Hour { // To some 2^-1056.
				h.learn(now, 100*time.Hour, 101*time.Hour, false)
			}
			if band := bandOf(4.5); h.finishes[band] != 0 || h.watched[band] != 0 {
				t.Errorf("%v finishes in %v s", h.finishes[band], h.watched[band])
			}
		},
		"a crowd that got stuck gives way to the next few hundred tasks": func(t *testing.T, h *hazard) {
			for range 20_000 {
				h.learn(0, 0, 40*time.Second, false)
			}
			h.estimate(0)
			stuck := at(h, 5)
			for range 2 * memory {
				h.learn(0, 4*time.Second, 6*time.Second, true)
			}
			h.estimate(0)
			if got := at(h, 5); got < 0.1 || stuck > 0.01 {
				t.Errorf("the rate went from %v to %v", stuck, got)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { test(t, newHazard(0, nil, (*hazard).solve)) })
	}
}

// What an answer teaches.
func TestAnswerTeaches(t *testing.T) {
	for sentence, test := range map[string]struct {
		polled   bool
		outcomes []Outcome
		finishes float64
	}{
		"a task that is found finished counts":                                 {false, []Outcome{Finished}, 1},
		"one that was in progress before counts once":                          {false, []Outcome{InProgress, InProgress, Finished}, 1},
		"after a restart the first answer says nothing of when it ended":       {true, []Outcome{Finished}, 0},
		"but one that was in progress after the restart counts":                {true, []Outcome{InProgress, Finished}, 1},
		"a refused poll is no answer about the task":                           {false, []Outcome{Refused}, 0},
		"and the task may have ended at any time before it, so nothing counts": {false, []Outcome{Refused, Finished}, 0},
		"a throttled call says nothing":                                        {false, []Outcome{Throttled, Finished}, 1},
		"nor does a failed one":                                                {false, []Outcome{EndpointFailed, AccountFailed, Finished}, 1},
		"nor one that was given up, or not made":                               {false, []Outcome{Aborted, Unused, Finished}, 1},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 2)
				s.Track(Task[string]{Key: "a", Bucket: home, Age: time.Second, Polled: test.polled})
				for _, outcome := range test.outcomes {
					got.next(t).turn.Return(outcome, 0)
				}
				var finishes float64
				for _, n := range s.buckets[home].common.finishes {
					finishes += n
				}
				if math.Abs(finishes-test.finishes) > 0.01 {
					t.Errorf("%v finishes were learned, want %v", finishes, test.finishes)
				}
			})
		})
	}
}

func FuzzHazardStaysANumber(f *testing.F) {
	f.Add(int64(0), int64(time.Second), true, int64(time.Minute))
	f.Add(int64(-5), int64(1<<62), false, int64(0))
	f.Add(int64(time.Hour), int64(time.Second), true, int64(1<<61))
	f.Fuzz(func(t *testing.T, from, to int64, finished bool, later int64) {
		h := newHazard(0, nil, (*hazard).solve)
		for range 50 {
			h.learn(max(time.Duration(later), 0), time.Duration(from), time.Duration(max(from, to)), finished)
		}
		for band, rate := range &h.rates {
			if !(rate > 0) || math.IsInf(rate, 0) {
				t.Fatalf("band %d has the rate %v", band, rate)
			}
		}
	})
}

// Each band begins where the last one ends.
func TestBands(t *testing.T) {
	for band := 1; band < bandCount; band++ {
		start := bandStarts[band]
		if got := bandOf(start * 1.0001); got != band {
			t.Errorf("%v s is in band %d, want %d", start, got, band)
		}
		if got := bandOf(start * 0.9999); got != band-1 {
			t.Errorf("just before %v s is in band %d, want %d", start, got, band-1)
		}
	}
}
