package polling

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// A tenant some of whose calls fail by chance does not wait for those that always fail.
func TestChanceBesideOdd(t *testing.T) {
	skipStatistics(t)
	for _, outcome := range []Outcome{EndpointFailed, AccountFailed} {
		t.Run(fmt.Sprint("outcome ", outcome), func(t *testing.T) {
			compare(t, 1, 5, 0.3, func(c *cloud) {
				c.fails = odd(c, outcome, 5)
				for k := range 10 {
					c.track(Task[int]{Key: -1 - k, Region: "good", Tenant: fmt.Sprint("odd-", k)}, long)
				}
			})
		})
	}
}

// A tenant that forgets its odd requests while they are polled counts as one that fails,
// not as many.
func TestForgottenWhileOut(t *testing.T) {
	compare(t, 1, 3, 0.5, func(c *cloud) {
		c.fails = odd(c, EndpointFailed, 33)
		for k := range 500 {
			time.AfterFunc(time.Duration(k)*time.Second/5, func() {
				c.track(Task[int]{Key: -1 - k, Region: "good", Tenant: "odd"}, long)
				time.AfterFunc(15*time.Millisecond, func() { c.s.Forget(-1 - k) })
			})
		}
		time.AfterFunc(90*time.Second, func() {
			c.s.mu.Lock()
			defer c.s.mu.Unlock()
			if g := c.s.buckets[home].regions["good"]; g != nil && len(g.heard) > 2 {
				t.Errorf("%d tenants were heard", len(g.heard))
			}
		})
	})
}

// Tenants whose tasks have ended do not keep a gate open.
func TestTenantsGoneBeforeOutage(t *testing.T) {
	inCloud(t, 1, func(c *cloud) {
		const tenants = 20
		for k := range 10 * tenants {
			lasts := long
			if k%2 == 0 {
				lasts = 9 * time.Second
			}
			c.track(Task[int]{Key: k, Tenant: strconv.Itoa(k % tenants)}, lasts)
		}
		pass(20 * time.Second)
		begun := time.Since(c.begun)
		c.becomes(always(EndpointFailed, ""))
		pass(time.Minute)
		if n := len(c.between("", begun+15*time.Second, begun+time.Minute)); n > 60 {
			t.Errorf("%d calls in 45 s", n)
		}
	})
}

// A region that the account may not be polled in costs few calls while another is answered.
func TestDeniedRegion(t *testing.T) {
	for _, every := range []time.Duration{2 * time.Second, 10 * time.Second} {
		t.Run(fmt.Sprint("an answer every ", every), func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				c.fails = always(AccountFailed, "denied")
				for k := range 100 {
					c.track(Task[int]{Key: k, Region: "denied", Tenant: strconv.Itoa(k % 10)}, long)
				}
				for k := range 30 {
					time.AfterFunc(time.Duration(k)*every, func() { c.track(Task[int]{Key: 1000 + k, Region: "good"}, 0) })
				}
				pass(30 * every)
				seconds := int((30*every - 20*time.Second) / time.Second)
				if n := len(c.between("denied", 20*time.Second, 30*every)); n > seconds*3/2 {
					t.Errorf("%d calls in %d s", n, seconds)
				}
			})
		})
	}
}

// A throttled probe keeps its place.
func TestThrottledProbe(t *testing.T) {
	inCloud(t, 1, func(c *cloud) {
		c.fails = always(EndpointFailed, "")
		for k := range 30 {
			c.track(Task[int]{Key: k}, long)
		}
		pass(40 * time.Second)
		throttled := -1
		c.becomes(func(key int, _ string) Outcome {
			if throttled < 0 {
				throttled = key
				return Throttled
			}
			return EndpointFailed
		})
		pass(10 * time.Second)
		calls := c.between("", 40*time.Second, ever)
		if len(calls) < 2 || calls[1].key != throttled {
			t.Errorf("task %d was throttled, and then polled were %v", throttled, calls)
		}
	})
}
