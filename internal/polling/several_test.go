package polling

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// sharer is one of several programs with the same key, with more tasks than it can poll.
type sharer struct{ answered, refused int }

// share starts a scheduler at a gateway, and counts what becomes of its calls.
func (g *gateway) share(t *testing.T, seed uint64) (*sharer, *Scheduler[int]) {
	t.Helper()
	luck := rand.New(rand.NewPCG(seed, 0)) // Under the gateway's lock.
	one := new(sharer)
	halfWay := func() {
		g.mu.Lock()
		lasts := time.Duration((5 + 10*luck.Float64()) * float64(time.Millisecond))
		g.mu.Unlock()
		pass(lasts)
	}
	s, err := New(MaxSlots, func(_ int, turn *Turn[int]) {
		halfWay()
		outcome, counted := InProgress, &one.answered
		if !g.arrive() {
			outcome, counted = Throttled, &one.refused
		}
		g.mu.Lock()
		*counted++
		g.mu.Unlock()
		halfWay()
		turn.Return(outcome, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.luck = rand.New(rand.NewPCG(seed, 1)).Float64
	s.Start()
	for key := range 400 { // More than half of the quota polls in the longest interval.
		s.Track(Task[int]{Key: key, Bucket: home, Age: time.Second})
	}
	return one, s
}

// Several programs with the same key share the quota: few calls are throttled, and each, also one that comes
// later, has some of it after a minute.
func TestSeveralPrograms(t *testing.T) {
	skipStatistics(t)
	for _, n := range []int{2, 4, 8} {
		t.Run(fmt.Sprint(n, " programs, and one that comes later"), func(t *testing.T) {
			var answered, refused, least, most, late, near, all float64
			const seeds = 4
			least = 100
			for seed := range uint64(seeds) {
				synctest.Test(t, func(t *testing.T) {
					g, end := &gateway{}, time.Now().Add(8*time.Minute)
					var programs []*sharer
					add := func() {
						one, s := g.share(t, 100*seed+uint64(len(programs)))
						programs = append(programs, one)
						time.AfterFunc(time.Until(end), s.Stop)
					}
					for range n {
						add()
						pass(time.Duration(97+13*int(seed)) * time.Millisecond)
					}
					over := func(from, to time.Duration) {
						pass(from)
						g.mu.Lock()
						for _, one := range programs {
							*one = sharer{}
						}
						g.mu.Unlock()
						pass(to - from)
						g.mu.Lock()
						defer g.mu.Unlock()
						for _, one := range programs {
							answered += float64(one.answered)
							refused += float64(one.refused)
							share := float64(one.answered) / (to - from).Seconds() / (MaxSlots / float64(len(programs)))
							least, most = min(least, share), max(most, share)
							all++
							if share >= 0.5 && share <= 2 {
								near++
							}
							if one == programs[len(programs)-1] && len(programs) > n {
								late += share / seeds
							}
						}
					}
					over(time.Minute, 4*time.Minute)
					add()
					over(time.Minute, 3*time.Minute)
					pass(2 * time.Minute)
				})
			}
			throttled := refused / (answered + refused)
			t.Logf("throttled %.1f %%, shares %.2f to %.2f of the even one, %.0f %% within a factor of two, newcomer %.2f",
				100*throttled, least, most, 100*near/all, late)
			if throttled > 0.035 || least < 0.3 || near < 0.85*all || late < 0.5 {
				t.Error("they share the quota badly")
			}
		})
	}
}
