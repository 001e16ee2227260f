package polling

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestFairness(t *testing.T) {
	// crowd tracks n tasks of a tenant.
	crowd := func(s *Scheduler[string], tenant string, n int) {
		for i := range n {
			s.Track(Task[string]{Key: fmt.Sprint(tenant, " ", i), Bucket: home, Tenant: tenant})
		}
	}
	// serve takes turns, each answered at once, and counts them by tenant.
	serve := func(t *testing.T, got grants, turns int) map[string]int {
		t.Helper()
		counts := map[string]int{}
		for range turns {
			g := got.next(t)
			counts[g.turn.entry.tenant.name]++
			g.turn.Return(InProgress, 0)
		}
		return counts
	}
	for sentence, test := range map[string]func(t *testing.T, s *Scheduler[string], got grants){
		"the one task of a tenant gets the very next slot, however many tasks another has": func(t *testing.T, s *Scheduler[string], got grants) {
			crowd(s, "crowd", 2000)
			serve(t, got, 100)
			crowd(s, "newcomer", 1)
			for range 5 { // Turns that were granted before.
				if g := got.next(t); g.turn.entry.tenant.name == "newcomer" {
					return
				}
			}
			t.Error("the newcomer still waits")
		},
		"two busy tenants share alike": func(t *testing.T, s *Scheduler[string], got grants) {
			crowd(s, "many", 500)
			crowd(s, "some", 50)
			serve(t, got, 20)
			if counts := serve(t, got, 400); max(counts["many"]-counts["some"], counts["some"]-counts["many"]) > 4 {
				t.Errorf("of 400 turns they got %v", counts)
			}
		},
		"a tenant that comes back after a pause has saved up nothing": func(t *testing.T, s *Scheduler[string], got grants) {
			crowd(s, "busy", 500)
			crowd(s, "pausing", 1)
			for { // The tenant stays, with one task that gets no turn.
				g := got.next(t)
				if g.key == "pausing 0" {
					g.turn.Return(Finished, 0)
					break
				}
				g.turn.Return(InProgress, 0)
			}
			serve(t, got, 200)
			crowd(s, "pausing", 500)
			if counts := serve(t, got, 100); counts["pausing"] > 55 {
				t.Errorf("of 100 turns they got %v", counts)
			}
		},
		"a task that is followed from two tenants waits in the shorter queue": func(t *testing.T, s *Scheduler[string], got grants) {
			crowd(s, "crowd", 2000)
			s.Track(Task[string]{Key: "crowd 1999", Bucket: home, Tenant: "other"})
			s.Track(Task[string]{Key: "crowd 1999", Bucket: home, Tenant: "crowd"})
			for range 8 {
				g := got.next(t)
				if g.key == "crowd 1999" {
					return
				}
				g.turn.Return(Unused, 0)
			}
			t.Error("it waits with the crowd")
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 4)
				test(t, s, got)
				synctest.Wait()
				s.verify(t, true)
			})
		})
	}
}

// A tenant that creates one task after another, each finished when it is first polled,
// gets no more than its share.
func TestFairnessToChurn(t *testing.T) {
	inCloud(t, 1, func(c *cloud) {
		const others, each = 10, 100
		for k := range others * each {
			c.track(Task[int]{Key: k, Tenant: strconv.Itoa(k % others), Age: time.Second}, long)
		}
		begun := time.Since(c.begun)
		for key := -1; time.Since(c.begun)-begun < time.Minute; key-- {
			c.track(Task[int]{Key: key, Tenant: "churn"}, 0)
			for undecided := 1; undecided > 0; _, undecided = c.late("") {
				pass(10 * time.Millisecond)
			}
		}
		counts := map[bool]int{}
		for _, one := range c.between("", begun, ever) {
			counts[one.key < 0]++
		}
		if share := MaxSlots * 60 / (others + 1); counts[true] > share*6/5 || counts[false] < share*others*9/10 {
			t.Errorf("of the calls of a minute it got %d, the ten others %d", counts[true], counts[false])
		}
	})
}

// Tenants that come for one task each are forgotten, although nobody else takes a turn.
func TestTenantsOfOneTask(t *testing.T) {
	inCloud(t, 1, func(c *cloud) {
		for k := range 300 {
			c.track(Task[int]{Key: k, Tenant: strconv.Itoa(k)}, 0)
			pass(100 * time.Millisecond)
		}
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		if n := len(c.s.buckets[home].tenants.byName); n > 1 {
			t.Errorf("%d tenants are known", n)
		}
	})
}

// A task of another tenant is found soon, though one with many stuck tasks taught that none finishes.
func TestNewcomerBesideStuck(t *testing.T) {
	inCloud(t, 1, func(c *cloud) {
		for k := range 2000 {
			c.track(Task[int]{Key: k, Tenant: "stuck"}, long)
		}
		pass(10 * time.Second)
		for k := range 5 {
			j := c.add(Task[int]{Key: 2000 + k, Tenant: "new"}, 8*time.Second)
			c.s.Track(j.Task)
			c.decided()
			if late := j.found.Sub(j.end); late > 1500*time.Millisecond {
				t.Errorf("task %d was found %v late after %d polls", k, late, j.polls)
			}
		}
	})
}
