package polling

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cloud is an API in virtual time, with a round trip of 20 ms, and the tasks that
// a scheduler with 20 slots polls there.
type cloud struct {
	t     *testing.T
	s     *Scheduler[int]
	rng   *rand.Rand // For how long tasks last, and when they come.
	luck  *rand.Rand // For which calls fail.
	begun time.Time
	// fails returns what becomes of a call: InProgress if it is answered.
	fails func(key int, region string) Outcome
	// tenants is how many share the tasks that arrive; zero is one.
	tenants int

	mu    sync.Mutex
	tasks map[int]*job
	calls []call
}

type job struct {
	Task[int]
	end, found time.Time
	polls      int
}

type call struct {
	key     int
	region  string
	at      time.Duration
	outcome Outcome
}

// inCloud runs a test in virtual time, from when turns are granted.
func inCloud(t *testing.T, seed uint64, test func(c *cloud)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &cloud{t: t, rng: rand.New(rand.NewPCG(seed, 2)), luck: rand.New(rand.NewPCG(seed, 3)), tasks: map[int]*job{}}
		s, err := New(MaxSlots, c.call)
		if err != nil {
			t.Fatal(err)
		}
		c.s, s.luck = s, rand.New(rand.NewPCG(seed, 4)).Float64
		s.Start()
		pass(Window)
		c.begun = time.Now()
		test(c)
		s.Stop()
		pass(time.Second) // Calls under way come back.
	})
}

func (c *cloud) call(key int, turn *Turn[int]) {
	pass(10 * time.Millisecond)
	c.mu.Lock()
	j, now := c.tasks[key], time.Now()
	outcome := InProgress
	if c.fails != nil {
		outcome = c.fails(key, j.Region)
	}
	if outcome == InProgress && !now.Before(j.end) {
		outcome = Finished
	}
	j.polls++
	c.calls = append(c.calls, call{key, j.Region, now.Sub(c.begun), outcome})
	c.mu.Unlock()
	pass(10 * time.Millisecond)
	turn.Return(outcome, 0)
	if outcome == Finished {
		c.s.Forget(key)
		c.mu.Lock()
		defer c.mu.Unlock()
		j.found = time.Now()
	}
}

// becomes changes what becomes of calls from now on.
func (c *cloud) becomes(fails func(key int, region string) Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = fails
}

// add adds a task that lasts so long from now.
func (c *cloud) add(task Task[int], lasts time.Duration) *job {
	task.Bucket = home
	j := &job{Task: task, end: time.Now().Add(lasts)}
	c.mu.Lock()
	c.tasks[task.Key] = j
	c.mu.Unlock()
	return j
}

func (c *cloud) track(task Task[int], lasts time.Duration) {
	c.s.Track(c.add(task, lasts).Task)
}

const long = 1e6 * time.Second

// arrive tracks n tasks of a region at a rate (all at once if that is zero), which
// last as those of the benchmarks do. Their keys count from first.
func (c *cloud) arrive(first, n int, rate float64, region string) {
	for k := first; k < first+n; k++ {
		if rate > 0 {
			pass(time.Duration(c.rng.ExpFloat64() / rate * float64(time.Second)))
		}
		task := Task[int]{Key: k, Region: region}
		if c.tenants > 1 {
			task.Tenant = strconv.Itoa(k % c.tenants)
		}
		c.track(task, min(lognormal(c.rng), time.Minute))
	}
}

// late returns how many seconds after their ends the tasks of a region, or all, were
// found to have ended, and how many were not.
func (c *cloud) late(region string) (o outcomes, undecided int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var late []float64
	for _, j := range c.tasks {
		switch {
		case region != "" && j.Region != region || j.end.Sub(c.begun) > long/2:
		case j.found.IsZero():
			undecided++
		default:
			late = append(late, j.found.Sub(j.end).Seconds())
			o.calls += float64(j.polls)
		}
	}
	if len(late) == 0 {
		return o, undecided
	}
	o.calls /= float64(len(late))
	slices.Sort(late)
	o.mean, o.slowest, o.p99 = mean(late), mean(late[len(late)*9/10:]), late[len(late)*99/100]
	return o, undecided
}

func mean(all []float64) (m float64) {
	for _, x := range all {
		m += x / float64(len(all))
	}
	return m
}

// decided waits until all tasks that end are found to have ended.
func (c *cloud) decided() time.Duration {
	for _, n := c.late(""); n > 0; _, n = c.late("") {
		pass(100 * time.Millisecond)
	}
	return time.Since(c.begun)
}

// between returns the calls of a region, or all, within some time.
func (c *cloud) between(region string, from, to time.Duration) (calls []call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range c.calls {
		if (region == "" || one.region == region) && one.at >= from && one.at < to {
			calls = append(calls, one)
		}
	}
	return calls
}

// skipStatistics skips a test of figures beside the race detector, which makes it slow and
// finds nothing in it that others do not show.
func skipStatistics(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it computes figures: see the Makefile")
	}
}
