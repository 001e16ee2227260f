package polling

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// Nothing is granted in the first second since a former process may just have called.
func TestFirstSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(grants, 10)
		s, err := New(5, func(key string, turn *Turn[string]) { got <- granted{key, turn, time.Now()} })
		if err != nil {
			t.Fatal(err)
		}
		track(s, "a")
		got.none(t, "before the start")
		s.Start()
		defer s.Stop()
		begun := time.Now()
		if g := got.next(t); g.at.Sub(begun) != Window {
			t.Errorf("granted %v after the start", g.at.Sub(begun))
		}
	})
}

// Slots outside the quota are refused.
func TestSlots(t *testing.T) {
	for _, slots := range []int{-1, 0, MaxSlots + 1} {
		if _, err := New(slots, func(string, *Turn[string]) {}); err == nil {
			t.Errorf("%d slots were accepted", slots)
		}
	}
}

// What was learned is not kept across a restart: in the five minutes after it, that costs less than a tenth of the
// latency, and of tasks alone less than 50 ms.
func TestRestart(t *testing.T) {
	skipStatistics(t)
	for _, m := range []mixed{
		{bound.OneKind, noHints, 55, 0}, {bound.OneKind, noHints, 1500, 5}, {bound.OneKind, noHints, 3000, 10},
		{bound.FiveKinds, allHints, 60, 0}, {bound.FiveKinds, allHints, 1500, 5}, {bound.FiveKinds, allHints, 3000, 10},
	} {
		t.Run(m.String(), func(t *testing.T) {
			const seeds = 3
			var anew, learned float64
			for seed := range uint64(seeds) {
				inCloud(t, seed, func(c *cloud) {
					m.play(c, 0)
					anew += c.lateOf(0, m.tasks).mean / seeds
				})
				inCloud(t, seed, func(c *cloud) { // The same tasks, after others.
					rng, luck := c.rng, c.luck
					c.rng, c.luck = rand.New(rand.NewPCG(seed, 5)), rand.New(rand.NewPCG(seed, 6))
					m.play(c, m.tasks)
					c.rng, c.luck = rng, luck
					m.play(c, 0)
					learned += c.lateOf(0, m.tasks).mean / seeds
				})
			}
			t.Logf("detected %.3f s late anew, %.3f s with what was learned: %+.1f %%", anew, learned, 100*(anew/learned-1))
			if m.rate > 0 && anew > 1.1*learned || anew > learned+0.05 && m.rate == 0 {
				t.Error("a restart costs too much")
			}
		})
	}
}
