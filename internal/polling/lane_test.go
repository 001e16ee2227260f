package polling

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// compare plays arrivals of region "good" alone and beside what disturbs them, with
// several seeds, and checks that they are decided as soon, give or take some seconds.
func compare(t *testing.T, rate float64, seeds int, give float64, disturb func(c *cloud)) {
	t.Helper()
	var alone, beside outcomes
	for seed := range uint64(seeds) {
		for _, o := range []*outcomes{&alone, &beside} {
			inCloud(t, seed, func(c *cloud) {
				if o == &beside {
					disturb(c)
				}
				c.arrive(0, int(120*rate), rate, "good")
				c.decided()
				one, _ := c.late("good")
				o.mean += one.mean / float64(seeds)
				o.slowest += one.slowest / float64(seeds)
			})
		}
	}
	t.Logf("mean %.3f s, slowest tenth %.2f s; alone %.3f s, %.2f s", beside.mean, beside.slowest, alone.mean, alone.slowest)
	if beside.mean > alone.mean*1.05+give || beside.slowest > alone.slowest*1.2+5*give {
		t.Errorf("mean %.3f s, slowest tenth %.2f s; alone %.3f s, %.2f s", beside.mean, beside.slowest, alone.mean, alone.slowest)
	}
}

// odd requests are those with negative keys: they fail always. Of the others' calls so many
// percent do.
func odd(c *cloud, outcome Outcome, percent int) func(int, string) Outcome {
	return func(key int, _ string) Outcome {
		switch {
		case key < 0:
			return outcome
		case c.luck.IntN(100) < percent:
			return EndpointFailed
		default:
			return InProgress
		}
	}
}

// An odd request that always fails slows no other.
func TestOddRequest(t *testing.T) {
	skipStatistics(t)
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed, Refused} {
		for rate, seeds := range map[float64]int{5: 2, 0.5: 30} {
			t.Run(fmt.Sprintf("outcome %d beside %v tasks a second", outcome, rate), func(t *testing.T) {
				compare(t, rate, seeds, 0.04, func(c *cloud) {
					c.fails = odd(c, outcome, 0)
					c.track(Task[int]{Key: -1, Region: "good", Age: 10 * time.Second}, long)
					time.AfterFunc(100*time.Second, func() {
						// Before, too little is known of the others.
						polls := slices.DeleteFunc(c.between("", 20*time.Second, ever), func(one call) bool { return one.key >= 0 })
						for p := 1; p < len(polls); p++ {
							if gap := polls[p].at - polls[p-1].at; gap > maxBackoff+Window {
								t.Errorf("it was polled again after %v", gap)
							}
						}
						if len(polls) < 3 || len(polls) > 12 {
							t.Errorf("it was polled %d times in 80 s", len(polls))
						}
					})
				})
			})
		}
	}
}

// A crowd of odd requests slows no other tenant.
func TestOddCrowd(t *testing.T) {
	skipStatistics(t)
	for _, crowd := range []int{20, 1000} {
		for _, tenants := range []int{1, 5, 50} {
			for _, outcome := range []Outcome{EndpointFailed, AccountFailed, Refused} {
				if outcome == Refused && tenants > 5 {
					continue // Its backoffs are its own: that many get their fair share.
				}
				t.Run(fmt.Sprintf("outcome %d of %d requests of %d tenants", outcome, crowd, tenants), func(t *testing.T) {
					compare(t, 0.5, 3, 0.5, func(c *cloud) {
						c.fails = odd(c, outcome, 0)
						for k := range crowd {
							c.track(Task[int]{Key: -1 - k, Region: "good", Tenant: fmt.Sprint("crowd-", k%tenants)}, long)
						}
					})
				})
			}
		}
	}
}

// Many invented regions of one tenant do not slow another.
func TestInventedRegions(t *testing.T) {
	compare(t, 0.5, 3, 0.05, func(c *cloud) {
		c.fails = odd(c, EndpointFailed, 0)
		for k := range 20_000 {
			c.track(Task[int]{Key: -1 - k, Region: strconv.Itoa(k), Tenant: "crowd"}, long)
		}
		time.AfterFunc(100*time.Second, func() {
			for k := range 20_000 {
				c.s.Forget(-1 - k)
			}
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			if n := len(c.s.buckets[home].regions); n > 1+MaxSlots {
				t.Errorf("%d regions are left", n)
			}
		})
	})
}

// The next probe of a tenant is for its expedited task.
func TestExpeditedProbe(t *testing.T) {
	for _, held := range []bool{false, true} {
		t.Run(fmt.Sprint("it holds a turn: ", held), func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				c.fails = always(EndpointFailed, "")
				for k := range 500 {
					c.track(Task[int]{Key: k, Tenant: strconv.Itoa(k % 2)}, long)
				}
				pass(30 * time.Second)
				before := c.between("", 0, ever)
				calls := before
				for len(calls) == len(before) {
					pass(time.Millisecond)
					calls = c.between("", 0, ever)
				}
				key := calls[len(calls)-1].key // It is half-way.
				if !held {
					pass(time.Second / 2)
				}
				c.s.Expedite(key)
				pass(3 * Window)
				probes := c.between("", calls[len(calls)-1].at+1, ever)
				if !slices.ContainsFunc(probes, func(one call) bool { return one.key == key }) {
					t.Errorf("task %d was expedited, and polled were %v", key, probes)
				}
			})
		})
	}
}
