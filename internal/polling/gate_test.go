package polling

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// always returns what becomes of every call of a region; "" is every region.
func always(outcome Outcome, region string) func(int, string) Outcome {
	return func(_ int, of string) Outcome {
		if region == "" || of == region {
			return outcome
		}
		return InProgress
	}
}

// If every second call fails at random tasks are decided a call or two later, however
// many tenants share the region.
func TestHalfFails(t *testing.T) {
	skipStatistics(t)
	half := func(c *cloud) func(int, string) Outcome {
		return func(int, string) Outcome {
			if c.luck.IntN(2) == 0 {
				return EndpointFailed
			}
			return InProgress
		}
	}
	const seeds = 3
	for _, tenants := range []int{1, 20, 200} {
		for _, rate := range []float64{2, 5} {
			t.Run(fmt.Sprintf("%d tenants, %v/s", tenants, rate), func(t *testing.T) {
				// Half of the answers are what all are at twice the rate. Then the tenants
				// take turns, and a failed call has taken one.
				var twice, failing outcomes
				undecided := 0
				add := func(sum *outcomes, o outcomes, n int) {
					sum.mean, sum.slowest, sum.calls, undecided = sum.mean+o.mean/seeds, sum.slowest+o.slowest/seeds, sum.calls+o.calls/seeds, undecided+n
				}
				for seed := range uint64(seeds) {
					inCloud(t, seed, func(c *cloud) {
						c.tenants = tenants
						c.arrive(0, int(120*rate), 2*rate, "a")
						c.decided()
						o, n := c.late("")
						add(&twice, o, n)
					})
					inCloud(t, seed, func(c *cloud) {
						c.fails, c.tenants = half(c), tenants
						c.arrive(0, int(120*rate), rate, "a")
						pass(90 * time.Second)
						o, n := c.late("")
						add(&failing, o, n)
					})
				}
				t.Logf("%+v; without failures at twice the rate %+v", failing, twice)
				if failing.mean > max(2.5, 2*twice.mean) || failing.slowest > max(5, 3*twice.slowest) || undecided > tenants/50 {
					t.Errorf("%+v, %d undecided; without failures at twice the rate %+v", failing, undecided, twice)
				}
			})
		}
		t.Run(fmt.Sprint("200 tasks at once, tenants: ", tenants), func(t *testing.T) {
			for seed := range uint64(seeds) {
				var makespans [2]time.Duration
				for i := range makespans {
					inCloud(t, seed, func(c *cloud) {
						if c.tenants = tenants; i > 0 {
							c.fails = half(c)
						}
						c.arrive(0, 200, 0, "a")
						makespans[i] = c.decided()
					})
				}
				t.Logf("%v, without failures %v", makespans[1], makespans[0])
				if makespans[1] > makespans[0]*5/2 {
					t.Errorf("they took %v, without failures %v", makespans[1], makespans[0])
				}
			}
		})
	}
}

// If every call fails a region is probed once a second and is back within five.
func TestAllFail(t *testing.T) {
	skipStatistics(t)
	const outage = time.Minute
	for sentence, test := range map[string]struct {
		tenants int
		regions []string
	}{
		"one region":                 {1, []string{"a"}},
		"two regions":                {1, []string{"a", "b"}},
		"one region of 100 tenants":  {100, []string{"a"}},
		"two regions of ten tenants": {10, []string{"a", "b"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			regions := test.regions
			inCloud(t, 1, func(c *cloud) {
				c.fails = always(EndpointFailed, "")
				for k := range 400 {
					c.track(Task[int]{Key: k, Region: regions[k%len(regions)], Tenant: strconv.Itoa(k / 2 % test.tenants)}, long)
				}
				pass(outage)
				for _, region := range regions {
					t.Logf("%s: %d calls in the first 10 s", region, len(c.between(region, 0, 10*time.Second)))
					probes := c.between(region, 10*time.Second, outage)
					keys := map[int]bool{}
					for i, probe := range probes {
						keys[probe.key] = true
						if i > 0 && probe.at-probes[i-1].at < Window {
							t.Errorf("%s: a probe %v after the one before", region, probe.at-probes[i-1].at)
						}
					}
					if len(probes) < 45 || len(keys) < len(probes) {
						t.Errorf("%s: %d probes, of %d tasks", region, len(probes), len(keys))
					}
				}
				c.becomes(nil)
				pass(20 * time.Second)
				clean := c.between("", outage, 2*outage)[0].at
				for after := time.Duration(0); ; after += Window / 10 {
					if len(c.between("", clean+after, clean+after+Window)) >= MaxSlots-2 {
						t.Logf("the full rate %v after the first clean answer", after)
						break
					}
				}
				for after := 5 * time.Second; after < 15*time.Second; after += Window {
					if n := len(c.between("", clean+after, clean+after+Window)); n < MaxSlots-2 {
						t.Errorf("%d calls in a second, %v after the first clean answer", n, after)
					}
				}
			})
		})
	}
}

// A region that fails does not slow the others of its bucket.
func TestRegionFails(t *testing.T) {
	skipStatistics(t)
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		t.Run(fmt.Sprint("outcome ", outcome), func(t *testing.T) {
			compare(t, 5, 5, 0.04, func(c *cloud) {
				c.fails = always(outcome, "bad")
				for k := range 600 {
					time.AfterFunc(time.Duration(k)*time.Second/5, func() { c.track(Task[int]{Key: -1 - k, Region: "bad"}, long) })
				}
				time.AfterFunc(80*time.Second, func() {
					if n := len(c.between("bad", 20*time.Second, 80*time.Second)); n > 60 {
						t.Errorf("%d calls of the region that fails in a minute", n)
					}
				})
			})
		})
	}
}

// When the account is mended all tasks are polled within a second.
func TestAccountMended(t *testing.T) {
	type trial struct {
		regions, each int
		calm, outage  time.Duration
	}
	var short []trial
	for outage := time.Second / 2; outage < 5*time.Second; outage += time.Second / 10 {
		short = append(short, trial{6, 3, 10 * time.Second, outage})
	}
	for sentence, trials := range map[string][]trial{
		"after ten minutes, several tasks in each region": {{3, 6, time.Minute, 10 * time.Minute}},
		"after ten minutes, a task in each region":        {{15, 1, time.Minute, 10 * time.Minute}},
		"after a minute":             {{6, 3, time.Minute, time.Minute}},
		"after ten seconds":          {{18, 1, time.Minute, 10 * time.Second}},
		"after half to five seconds": short,
	} {
		t.Run(sentence, func(t *testing.T) {
			for _, test := range trials {
				inCloud(t, 1, func(c *cloud) { c.mend(test.regions, test.each, test.calm, test.outage) })
			}
		})
	}
}

// mend lets the account fail for some time and checks that all tasks that are due
// are polled within a second of the first answer after it.
func (c *cloud) mend(regions, each int, calm, outage time.Duration) {
	for k := range regions * each {
		c.track(Task[int]{Key: k, Region: strconv.Itoa(k % regions)}, long)
	}
	pass(calm)
	c.becomes(always(AccountFailed, ""))
	mended := calm + outage
	pass(outage)
	for i := range regions {
		region := strconv.Itoa(i)
		probes := len(c.between(region, mended-outage/2, mended))
		if most := int(outage/2/maxProbePause) + 8; probes > most {
			c.t.Errorf("%d probes of region %s in the second half of %v, want at most %d", probes, region, outage, most)
		}
	}
	c.becomes(nil)
	pass(31 * time.Second)
	clean := c.between("", mended, ever)[0].at
	polled, notDue := map[int]bool{}, map[int]bool{}
	for _, one := range c.between("", clean, clean+Window+20*time.Millisecond) {
		polled[one.key] = true
	}
	for _, one := range c.between("", clean-maxInterval, clean) {
		notDue[one.key] = one.outcome == InProgress
	}
	for k := range c.tasks {
		if !polled[k] && !notDue[k] {
			c.t.Errorf("after %v task %d was not polled within a second of the first answer", outage, k)
		}
	}
}

// A turn without a call is no probe.
func TestUnusedProbe(t *testing.T) {
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		inCloud(t, 1, func(c *cloud) {
			turns := 0
			c.fails = func(int, string) Outcome {
				turns++
				if time.Since(c.begun) > 10*time.Second && turns%2 == 0 {
					return Unused
				}
				return outcome
			}
			for k := range 50 {
				c.track(Task[int]{Key: k}, long)
			}
			pass(70 * time.Second)
			probes := slices.DeleteFunc(c.between("", 10*time.Second, 70*time.Second), func(one call) bool { return one.outcome == Unused })
			if least := map[Outcome]int{EndpointFailed: 55, AccountFailed: 2}[outcome]; len(probes) < least {
				t.Errorf("outcome %d: %d probes in a minute, want at least %d", outcome, len(probes), least)
			}
		})
	}
}

// After an outage no task waits for a backoff from before.
func TestAfterOutage(t *testing.T) {
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		t.Run(fmt.Sprint("outcome ", outcome), func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				const odd = 0
				c.becomes(func(key int, _ string) Outcome {
					if key == odd {
						return outcome
					}
					return InProgress
				})
				for k := range 10 {
					c.track(Task[int]{Key: k, Region: "a"}, long)
				}
				pass(67 * time.Second)
				c.s.mu.Lock()
				if e := c.s.entries[odd]; e.state != parked || e.backoff != maxBackoff {
					t.Errorf("it is in state %d with a backoff of %v", e.state, e.backoff)
				}
				c.s.mu.Unlock()
				c.becomes(always(outcome, ""))
				pass(20 * time.Second)
				mended := time.Since(c.begun)
				c.becomes(nil)
				pass(40 * time.Second)
				clean := c.between("", mended, ever)[0].at
				for _, one := range c.between("", clean, clean+Window) {
					if one.key == odd {
						return
					}
				}
				t.Error("it was not polled within a second")
			})
		})
	}
}
