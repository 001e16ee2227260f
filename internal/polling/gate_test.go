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

func TestIfEverySecondCallFailsAtRandomTasksAreDecidedACallOrTwoLater(t *testing.T) {
	for seed := range uint64(5) {
		half := func(c *cloud) func(int, string) Outcome {
			return func(int, string) Outcome {
				if c.luck.IntN(2) == 0 {
					return EndpointFailed
				}
				return InProgress
			}
		}
		inCloud(t, seed, func(c *cloud) {
			c.fails = half(c)
			c.arrive(0, 600, 5, "a")
			pass(90 * time.Second)
			o, undecided := c.late("")
			t.Logf("5/s: mean %.2f s, p99 %.2f s, %.2f calls a task", o.mean, o.p99, o.calls)
			if o.mean > 2.5 || o.p99 > 8 || undecided > 0 {
				t.Errorf("mean %.2f s, p99 %.2f s, %d undecided", o.mean, o.p99, undecided)
			}
		})
		var makespans [2]time.Duration
		for i := range makespans {
			inCloud(t, seed, func(c *cloud) {
				if i > 0 {
					c.fails = half(c)
				}
				c.arrive(0, 200, 0, "a")
				makespans[i] = c.decided()
			})
		}
		t.Logf("200 at once: %v, without failures %v", makespans[1], makespans[0])
		if makespans[1] > makespans[0]*5/2 {
			t.Errorf("200 at once took %v, without failures %v", makespans[1], makespans[0])
		}
	}
}

func TestIfEveryCallFailsARegionIsProbedOnceASecondAndIsBackWithinFive(t *testing.T) {
	const outage = time.Minute
	for sentence, regions := range map[string][]string{"one region": {"a"}, "two regions": {"a", "b"}} {
		t.Run(sentence, func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				c.fails = always(EndpointFailed, "")
				for k := range 400 {
					c.track(Task[int]{Key: k, Region: regions[k%len(regions)]}, long)
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
				c.mu.Lock()
				c.fails = nil
				c.mu.Unlock()
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

// compare plays arrivals of region "good" alone and beside what disturbs them, with
// several seeds, and checks that they are decided as soon.
func compare(t *testing.T, rate float64, seeds int, disturb func(c *cloud)) {
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
				o.p99 += one.p99 / float64(seeds)
			})
		}
	}
	t.Logf("mean %.3f s, p99 %.2f s; alone %.3f s, %.2f s", beside.mean, beside.p99, alone.mean, alone.p99)
	if beside.mean > alone.mean*1.05+0.02 || beside.p99 > alone.p99*1.2+0.1 {
		t.Errorf("mean %.3f s, p99 %.2f s; alone %.3f s, %.2f s", beside.mean, beside.p99, alone.mean, alone.p99)
	}
}

func TestARegionThatFailsDoesNotSlowTheOthersOfItsBucket(t *testing.T) {
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		t.Run(fmt.Sprint("outcome ", outcome), func(t *testing.T) {
			compare(t, 5, 5, func(c *cloud) {
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

func TestWhenTheAccountIsMendedAllTasksArePolledWithinASecond(t *testing.T) {
	for sentence, test := range map[string]struct {
		regions, each int
		outage        time.Duration
	}{
		"after ten minutes, several tasks in each region": {3, 6, 10 * time.Minute},
		"after ten minutes, a task in each region":        {15, 1, 10 * time.Minute},
		"after a minute":    {6, 3, time.Minute},
		"after ten seconds": {18, 1, 10 * time.Second},
	} {
		t.Run(sentence, func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				for k := range test.regions * test.each {
					c.track(Task[int]{Key: k, Region: strconv.Itoa(k % test.regions)}, long)
				}
				pass(time.Minute) // All is well, at first.
				c.mu.Lock()
				c.fails = always(AccountFailed, "")
				c.mu.Unlock()
				mended := time.Minute + test.outage
				pass(test.outage)
				for i := range test.regions {
					region := strconv.Itoa(i)
					probes := len(c.between(region, mended-test.outage/2, mended))
					if most := int(test.outage/time.Minute) + 6; probes > most {
						t.Errorf("%d probes of region %s in the second half of the outage, want at most %d", probes, region, most)
					}
				}
				c.mu.Lock()
				c.fails = nil
				c.mu.Unlock()
				pass(31 * time.Second)
				clean := c.between("", mended, ever)[0].at
				polled := map[int]bool{}
				var last time.Duration
				for _, one := range c.between("", clean, clean+Window+20*time.Millisecond) {
					if !polled[one.key] {
						polled[one.key], last = true, one.at-clean
					}
				}
				t.Logf("%d tasks within %v of the first answer, %v after the end", len(polled), last, clean-mended)
				if len(polled) < len(c.tasks) {
					t.Errorf("%d of %d tasks were polled within a second of the first answer", len(polled), len(c.tasks))
				}
			})
		})
	}
}

func TestAnOddRequestThatAlwaysFailsSlowsNoOther(t *testing.T) {
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed, Refused} {
		for rate, seeds := range map[float64]int{5: 5, 0.5: 20} {
			t.Run(fmt.Sprintf("outcome %d beside %v tasks a second", outcome, rate), func(t *testing.T) {
				const odd = -1
				compare(t, rate, seeds, func(c *cloud) {
					c.fails = func(key int, _ string) Outcome {
						if key == odd {
							return outcome
						}
						return InProgress
					}
					c.track(Task[int]{Key: odd, Region: "good", Age: 10 * time.Second}, long)
					time.AfterFunc(100*time.Second, func() {
						polls := slices.DeleteFunc(c.between("", 0, ever), func(one call) bool { return one.key != odd })
						for p := 1; p < len(polls); p++ {
							if gap := polls[p].at - polls[p-1].at; gap > maxBackoff+Window {
								t.Errorf("it was polled again after %v", gap)
							}
						}
						if len(polls) < 7 || len(polls) > 25 {
							t.Errorf("it was polled %d times in 100 s", len(polls))
						}
					})
				})
			})
		}
	}
}

func TestAfterAnOutageNoTaskWaitsForABackoffFromBefore(t *testing.T) {
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		t.Run(fmt.Sprint("outcome ", outcome), func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				const odd = 0
				becomes := func(fails func(key int, region string) Outcome) {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.fails = fails
				}
				becomes(func(key int, _ string) Outcome {
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
				becomes(always(outcome, ""))
				pass(20 * time.Second)
				mended := time.Since(c.begun)
				becomes(nil)
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

func TestManyInventedRegionsOfOneTenantDoNotSlowAnother(t *testing.T) {
	compare(t, 0.5, 3, func(c *cloud) {
		c.fails = func(key int, _ string) Outcome {
			if key < 0 {
				return EndpointFailed
			}
			return InProgress
		}
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
