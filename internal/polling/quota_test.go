package polling

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server notes when calls arrive at the far end of a network.
type server struct {
	mu       sync.Mutex
	arrivals map[Bucket][]time.Time
}

func (s *server) arrive(b Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.arrivals == nil {
		s.arrivals = map[Bucket][]time.Time{}
	}
	s.arrivals[b] = append(s.arrivals[b], time.Now())
}

// peak returns the most arrivals in any closed window of one second.
func (s *server) peak(b Bucket) int {
	times := s.arrivals[b]
	slices.SortFunc(times, time.Time.Compare)
	most, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) > Window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// trial is a random life of a scheduler: tasks of some buckets and tenants that
// arrive at random, are polled over a network with random delays and answered at
// random, until each has been polled often enough. Some are forgotten on the way, or
// change the bucket.
type trial struct {
	t         *testing.T
	mu        sync.Mutex
	rng       *rand.Rand
	scheduler *Scheduler[int]
	server    server
	hosts     int
	outcomes  []Outcome
	left      map[int]int
	host      map[int]int
	granted   map[Bucket]time.Time // The last turn of each bucket.
	calls     sync.WaitGroup
	done      chan struct{}
}

// The outcomes of trials, and of those in which the API throttles no call: there
// all slots of a bucket may be used.
var (
	calmOutcomes = []Outcome{InProgress, InProgress, InProgress, Finished, Unused, Refused, Aborted, EndpointFailed}
	allOutcomes  = append([]Outcome{Throttled, ThrottledAccount, ThrottledProcess, AccountFailed, EndpointFailed}, calmOutcomes...)
)

func newTrial(t *testing.T, seed uint64) *trial {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	tr := &trial{
		t: t, rng: rng, hosts: 1 + rng.IntN(3), outcomes: [][]Outcome{calmOutcomes, allOutcomes}[seed%2],
		left: map[int]int{}, host: map[int]int{}, granted: map[Bucket]time.Time{}, done: make(chan struct{}),
	}
	scheduler, err := New(1+rng.IntN(MaxSlots), tr.call)
	if err != nil {
		t.Fatal(err)
	}
	tr.scheduler = scheduler
	for key := range 1 + rng.IntN(120) {
		tr.left[key] = 1 + rng.IntN(5)
	}
	return tr
}

func (tr *trial) random(n int) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.rng.IntN(n)
}

func (tr *trial) delay(most time.Duration) time.Duration { return time.Duration(tr.random(int(most))) }

// call is one turn: out over the network, and back.
func (tr *trial) call(key int, turn *Turn[int]) {
	tr.calls.Add(1)
	defer tr.calls.Done()
	tr.mu.Lock()
	if _, ok := tr.left[key]; !ok {
		tr.t.Errorf("task %d got a turn after it was forgotten", key)
	}
	tr.granted[turn.entry.lane.gate.bucket.name] = time.Now()
	tr.mu.Unlock()
	outcome := tr.outcomes[tr.random(len(tr.outcomes))]
	if outcome == Unused {
		turn.Return(Unused, 0)
		return
	}
	pass(tr.delay(400 * time.Millisecond))
	tr.server.arrive(turn.entry.lane.gate.bucket.name)
	pass(tr.delay(1500 * time.Millisecond))
	if tr.random(30) == 0 {
		pass(tr.delay(20 * time.Second)) // It hangs.
	}
	if tr.random(4) == 0 {
		defer turn.Return(InProgress, 0) // A second return must change nothing.
	}
	tr.settle(key, outcome)
	turn.Return(outcome, tr.delay(time.Second))
	tr.scheduler.verify(tr.t, false)
}

func (tr *trial) settle(key int, outcome Outcome) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if _, ok := tr.left[key]; !ok {
		return // It had a turn of each of two buckets.
	}
	tr.left[key]--
	switch {
	case tr.left[key] <= 0 || outcome == Finished:
		delete(tr.left, key)
		tr.scheduler.Forget(key)
	case tr.rng.IntN(20) == 0:
		tr.host[key]++
		tr.track(key)
	case tr.rng.IntN(5) == 0:
		tr.scheduler.Expedite(key)
	}
	if len(tr.left) == 0 {
		close(tr.done)
	}
}

func (tr *trial) track(key int) {
	tr.scheduler.Track(Task[int]{
		Key: key, Tenant: fmt.Sprint("tenant-", key%3), Region: fmt.Sprint("region-", key%2), Polled: tr.rng.IntN(2) == 0,
		Bucket: Bucket{Host: fmt.Sprint("host-", (key+tr.host[key])%tr.hosts), Account: "a"},
		Age:    time.Duration(tr.rng.IntN(int(time.Minute))),
	})
}

// No second holds more arrivals than slots, no matter what the network does.
func TestQuota(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, seed)
				scheduler := tr.scheduler
				scheduler.Start()
				defer scheduler.Stop()
				go func() {
					for key := range len(tr.left) {
						tr.mu.Lock()
						tr.track(key)
						tr.mu.Unlock()
						pass(tr.delay(200 * time.Millisecond))
					}
				}()
				tr.watch()
				tr.calls.Wait()
				for b := range tr.server.arrivals {
					if peak := tr.server.peak(b); peak > scheduler.slots {
						t.Errorf("%d arrivals within a second at %s, with %d slots", peak, b.Host, scheduler.slots)
					}
				}
				synctest.Wait()
				if n := len(scheduler.entries); n != 0 {
					t.Errorf("%d tasks are still known after all were forgotten", n)
				}
				for _, b := range scheduler.buckets {
					if b.out != 0 || len(b.tenants.byName) != len(b.tenants.spent) || len(b.regions)+len(b.lanes) != 0 || len(b.waiting) != 0 {
						t.Errorf("%d turns, %d tenants, %d regions and %d tasks are left", b.out, len(b.tenants.byName), len(b.regions), len(b.waiting))
					}
				}
			})
		})
	}
}

// watch looks at the scheduler at random moments until all is done, and stops it
// now and then.
func (tr *trial) watch() {
	opens := time.Now().Add(Window)
	for {
		select {
		case <-tr.done:
			return
		case <-time.After(tr.delay(300 * time.Millisecond)):
			synctest.Wait()
			tr.scheduler.verify(tr.t, true)
			tr.idle(opens)
			if tr.random(100) == 0 {
				tr.scheduler.Stop()
				pass(tr.delay(3 * time.Second))
				tr.scheduler.Start()
				opens = time.Now().Add(Window)
			}
		}
	}
}

// idle fails if a slot is idle although a task is due: by what was granted and
// returned, and not by what the scheduler itself takes for its limits. Turns are
// paced by less than Window/R.
func (tr *trial) idle(opens time.Time) {
	tr.t.Helper()
	if len(tr.outcomes) > len(calmOutcomes) || !time.Now().After(opens) {
		return // Throttled calls leave fewer slots.
	}
	s := tr.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, e := range s.entries {
		b := e.lane.gate.bucket
		used := b.out
		for _, at := range b.coolingDown {
			if at >= now {
				used++
			}
		}
		waits := e.state == due || e.state == waiting && e.due < now
		tr.mu.Lock()
		since := time.Since(tr.granted[b.name])
		tr.mu.Unlock()
		if waits && used < s.slots && since >= Window/time.Duration(s.slots) {
			tr.t.Fatalf("%d of %d slots are used and a task is due, %v after the last turn", used, s.slots, since)
		}
	}
}

// An account whose name becomes known under load has one quota all the while.
func TestQuotaOfRenamedAccount(t *testing.T) {
	for i, after := range []time.Duration{0, 5 * time.Millisecond, 15 * time.Millisecond, 30 * time.Millisecond, 500 * time.Millisecond, 1100 * time.Millisecond} {
		forgets := i%2 == 0 // The tasks of the former name.
		t.Run(fmt.Sprint("after ", after), func(t *testing.T) {
			inCloud(t, 1, func(c *cloud) {
				for k := range 100 {
					c.track(Task[int]{Key: k}, long)
				}
				pass(after)
				known := Bucket{Host: home.Host, Account: "known"}
				if forgets {
					for k := range 100 {
						c.s.Forget(k)
					}
				}
				c.s.Rename(home, known, func(int) bool { return true })
				for k := range 30 {
					task := c.add(Task[int]{Key: 100 + k}, long).Task
					task.Bucket = known
					c.s.Track(task)
				}
				pass(10 * time.Second)
				calls := c.between("", 0, ever)
				for i := MaxSlots; i < len(calls); i++ {
					if took := calls[i].at - calls[i-MaxSlots].at; took < Window {
						c.t.Fatalf("%d calls came within %v, the last at %v", MaxSlots+1, took, calls[i].at)
					}
				}
				if len(calls) < 8*MaxSlots {
					c.t.Errorf("%d calls in ten seconds", len(calls))
				}
			})
		})
	}
}
