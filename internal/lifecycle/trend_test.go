package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// At low rates: what a task shows of its own polls.
func TestHoldDown(t *testing.T) {
	type seen struct {
		at time.Duration
		Observation
	}
	every := func(from, gap time.Duration, n int, o Observation) []seen {
		var all []seen
		for i := range n {
			all = append(all, seen{from + time.Duration(i)*gap, o})
		}
		return all
	}
	const second = time.Second
	for sentence, test := range map[string]struct {
		polls []seen
		want  []string
	}{
		"a hiccup is not shown": {
			[]seen{{0, busy}, {1 * second, unreachable}, {9 * second, unreachable}, {11 * second, busy}}, []string{matrix.Running},
		},
		"a problem that lasts for ten seconds is shown, and once": {
			append([]seen{{0, busy}}, every(time.Second, 5*second, 20, unreachable)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"a problem is over after polls have succeeded for ten seconds": {
			append([]seen{{0, busy}, {1 * second, unreachable}, {11 * second, unreachable}}, every(20*second, 5*second, 3, busy)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable), matrix.Running},
		},
		"a single answer is no end of a problem": {
			[]seen{{0, busy}, {1 * second, unreachable}, {11 * second, unreachable}, {14 * second, busy}, {16 * second, unreachable}, {21 * second, busy}},
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"two answers in a row do not interrupt a problem": {
			append(every(0, second, 10, unreachable), seen{9100 * time.Millisecond, busy}, seen{9200 * time.Millisecond, busy}, seen{10 * second, unreachable}),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"three do": {
			append(every(0, second, 10, unreachable), seen{9100 * time.Millisecond, busy}, seen{9200 * time.Millisecond, busy}, seen{9300 * time.Millisecond, busy}, seen{10 * second, unreachable}),
			[]string{matrix.Running},
		},
		"two do if the polls are rare": {
			[]seen{{0, unreachable}, {30 * second, busy}, {60 * second, busy}, {90 * second, unreachable}},
			[]string{matrix.Running},
		},
		"two failures in a row do not interrupt the end of a problem": {
			append(append(every(0, second, 11, unreachable), every(11*second, second, 10, busy)...),
				seen{20100 * time.Millisecond, unreachable}, seen{20200 * time.Millisecond, unreachable}, seen{21 * second, busy}),
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.RunningWith(clb.ProblemAPIUnreachable), matrix.Running},
		},
		"three do interrupt it": {
			append(append(every(0, second, 11, unreachable), every(11*second, second, 10, busy)...),
				seen{20100 * time.Millisecond, unreachable}, seen{20200 * time.Millisecond, unreachable}, seen{20300 * time.Millisecond, unreachable}, seen{21 * second, busy}),
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"a third problem has to last twice as long to replace the second": {
			slices.Concat(every(0, second, 11, unreachable), every(11*second, second, 11, unavailable), every(22*second, second, 20, unreachable), every(42*second, second, 1, unreachable)),
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.PendingWith(clb.ProblemAPIUnavailable), matrix.PendingWith(clb.ProblemAPIUnreachable)},
		},
		"and does not replace it before": {
			slices.Concat(every(0, second, 11, unreachable), every(11*second, second, 11, unavailable), every(22*second, second, 20, unreachable)),
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.PendingWith(clb.ProblemAPIUnavailable)},
		},
		"a problem that needs intervention is not shown on one word": {
			[]seen{{0, busy}, {1 * second, denied}, {1999 * time.Millisecond, denied}, {3 * second, busy}}, []string{matrix.Running},
		},
		"nor if it alternates with answers": {
			[]seen{{0, busy}, {1 * second, denied}, {2 * second, busy}, {3 * second, denied}, {4 * second, busy}, {5 * second, denied}}, []string{matrix.Running},
		},
		"a problem that needs intervention is shown after a second": {
			[]seen{{0, busy}, {1 * second, denied}, {2 * second, denied}}, []string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied)},
		},
		"a problem that needs intervention replaces one that does not, soon": {
			append(every(0, second, 12, unreachable), seen{12 * second, untrusted}, seen{13 * second, untrusted}),
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.PendingWith(clb.ProblemCertificateUntrusted)},
		},
		"a problem that does not need intervention replaces one that does, if it lasts": {
			append(append(every(0, second, 5, untrusted), every(5*second, second, 10, unreachable)...), seen{15 * second, unreachable}),
			[]string{matrix.PendingWith(clb.ProblemCertificateUntrusted), matrix.PendingWith(clb.ProblemAPIUnreachable)},
		},
		"two problems that alternate do not make the reason flap": {
			[]seen{{0, unreachable}, {11 * second, unreachable}, {13 * second, unavailable}, {15 * second, unreachable}, {17 * second, unavailable}, {28 * second, unreachable}},
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable)},
		},
		"nor do two that need intervention": {
			[]seen{{0, denied}, {1 * second, denied}, {60 * second, rejected}, {120 * second, denied}, {180 * second, rejected}, {240 * second, denied}},
			[]string{matrix.PendingWith(clb.ProblemAccessDenied)},
		},
		"nor do one of the endpoint and throttling, of which the former says more": {
			append(every(0, second, 15, throttled), seen{16 * second, unreachable}, seen{17 * second, throttled}, seen{28 * second, unreachable}, seen{29 * second, throttled}),
			[]string{matrix.PendingWith(clb.ProblemThrottled), matrix.PendingWith(clb.ProblemAPIUnreachable)},
		},
		"nor does throttling that is shown after the request's own problem, and before that of its region": {
			[]seen{{0, rejected}, {3 * second, throttled}, {6 * second, unreachable}, {9 * second, throttled}, {12 * second, unreachable}, {15 * second, throttled}, {18 * second, unreachable}},
			[]string{matrix.PendingWith(clb.ProblemAPIUnreachable)},
		},
		"the second time, a problem is over after twenty seconds": {
			append(append(append(append([]seen{{0, busy}},
				every(1*second, second, 2, denied)...), every(3*second, second, 11, busy)...),
				every(14*second, second, 2, denied)...), every(16*second, second, 21, busy)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied), matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied), matrix.Running},
		},
		"but not after nineteen": {
			append(append(append(append([]seen{{0, busy}},
				every(1*second, second, 2, denied)...), every(3*second, second, 11, busy)...),
				every(14*second, second, 2, denied)...), every(16*second, second, 20, busy)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied), matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied)},
		},
		"the second time, a problem that passes is shown after twenty seconds": {
			append(append(append([]seen{{0, busy}},
				every(1*second, second, 11, unreachable)...), every(12*second, second, 11, busy)...),
				every(23*second, second, 21, unreachable)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable), matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"but not after nineteen seconds": {
			append(append(append([]seen{{0, busy}},
				every(1*second, second, 11, unreachable)...), every(12*second, second, 11, busy)...),
				every(23*second, second, 20, unreachable)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable), matrix.Running},
		},
		"after a long calm all is forgotten": {
			append(append(append([]seen{{0, busy}},
				every(1*second, second, 11, unreachable)...), every(12*second, second, 211, busy)...),
				every(223*second, second, 11, unreachable)...),
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable), matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			for _, s := range test.polls {
				l.now = created.Add(s.at)
				l.poll(s.Observation)
			}
			l.wrote(t, test.want...)
		})
	}
}

// gallop is a series of 20 polls a second, a share of them failing at random.
type gallop struct {
	trend Trend
	now   time.Time
	rng   *rand.Rand
}

func newGallop(seed uint64) *gallop {
	return &gallop{now: created, rng: rand.New(rand.NewPCG(1, seed))}
}

// run polls for some time or until Shown is as wanted, and reports whether that came.
func (g *gallop) run(total time.Duration, share float64, p clb.Problem, shown bool) bool {
	for end := g.now.Add(total); g.now.Before(end); g.now = g.now.Add(50 * time.Millisecond) {
		var err *clb.Error
		if g.rng.Float64() < share {
			err = failure(p).Err
		}
		if g.trend = g.trend.Observe(err, g.now); (g.trend.Shown != nil) == shown {
			return true
		}
	}
	return false
}

// At twenty polls a second.
func TestFullRate(t *testing.T) {
	skipStatistics(t)
	for _, p := range []clb.Problem{clb.ProblemAPIUnreachable, clb.ProblemThrottled, clb.ProblemAccessDenied} {
		for _, share := range []float64{0, 0.01, 0.05, 0.3} {
			t.Run(fmt.Sprintf("%s: a share of %v that fails is not shown, all is, and that is over within 15 s", p, share), func(t *testing.T) {
				for seed := range uint64(20) {
					if few := newGallop(seed); !few.run(30*time.Second, 0.9, p, true) {
						t.Error("not shown although few polls are answered")
					}
					g := newGallop(seed)
					if g.run(time.Hour/4, share, p, true) {
						t.Errorf("shown after %v", g.now.Sub(created))
					}
					if !g.run(11*time.Second, 1, p, true) {
						t.Error("not shown")
					}
					if !g.run(15*time.Second, min(share, 0.05), p, false) {
						t.Error("not over")
					}
				}
			})
		}
	}
}

// A trend of nothing but answers takes no memory, and a calm one becomes that.
func TestCalm(t *testing.T) {
	l := newLife()
	l.poll(busy)
	if l.history.trend != nil || l.health != (Health{}) {
		t.Error("a trend of answers alone is kept")
	}
	l.poll(unreachable)
	if l.history.trend == nil {
		t.Fatal("a failure is not kept")
	}
	l.pollFor(101*time.Second, time.Second, busy)
	if l.history.trend != nil || l.health != (Health{}) {
		t.Error("a calm trend is kept")
	}
}

// At low rates, too, what comes and goes at random costs few writes.
func TestFlapping(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	const mostAnHour = 25
	for sentence, failures := range map[string][]Observation{
		"refused":      {notFound},
		"throttled":    {throttled},
		"unreachable":  {unreachable},
		"denied":       {denied},
		"two problems": {unreachable, unavailable},
		"three levels": {unreachable, denied, throttled},
		"two codes":    {denied, {Err: &clb.Error{Problem: clb.ProblemAccessDenied, Code: "Other"}}},
	} {
		for share := 0; share < 100; share += 20 {
			for gap, hours := range map[time.Duration]int{time.Second: 1, 5 * time.Second: 3, 30 * time.Second: 4} {
				t.Run(fmt.Sprintf("every %v, %d %% are answered, the others are %s", gap, share, sentence), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(1, uint64(share)))
					l := newLife()
					l.poll(busy)
					for i := 0; i < hours*int(time.Hour/gap) && !l.task.Status.Phase.Final(); i++ {
						o := failures[rng.IntN(len(failures))]
						if rng.IntN(100) < share {
							o = busy
						}
						l.poll(o)
						l.wait(gap)
					}
					if len(l.written) > mostAnHour*hours {
						t.Errorf("%d writes in %d hours", len(l.written), hours)
					}
				})
			}
		}
	}
}
