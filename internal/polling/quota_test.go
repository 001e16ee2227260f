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

// trial is a random life of a scheduler: tasks of some buckets and tenants, asked
// over a network with random delays and answered at random, until each has been
// asked often enough. Some are forgotten on the way, or change the bucket.
type trial struct {
	t         *testing.T
	mu        sync.Mutex
	rng       *rand.Rand
	scheduler *Scheduler[int]
	server    server
	hosts     int
	left      map[int]int
	host      map[int]int
	done      chan struct{}
}

func (tr *trial) random(n int) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.rng.IntN(n)
}

func (tr *trial) delay(most time.Duration) time.Duration { return time.Duration(tr.random(int(most))) }

// call is one turn: out over the network, and back.
func (tr *trial) call(key int, turn *Turn[int]) {
	tr.mu.Lock()
	if _, ok := tr.left[key]; !ok {
		tr.t.Errorf("task %d got a turn after it was forgotten", key)
	}
	tr.mu.Unlock()
	if tr.random(10) == 0 {
		turn.Return(Unused)
		tr.ask(key)
		return
	}
	pass(tr.delay(400 * time.Millisecond))
	tr.server.arrive(turn.bucket.name)
	pass(tr.delay(1500 * time.Millisecond))
	outcome := []Outcome{InProgress, InProgress, InProgress, InProgress, NoAnswer, Throttled, ThrottledAccount, ThrottledProcess}[tr.random(8)]
	if tr.random(4) == 0 {
		defer turn.Return(InProgress) // A second return must change nothing.
	}
	turn.Return(outcome)
	tr.settle(key)
	tr.scheduler.verify(tr.t, false)
}

func (tr *trial) settle(key int) {
	tr.mu.Lock()
	tr.left[key]--
	again := tr.left[key] > 0 && tr.rng.IntN(20) > 0
	if !again {
		delete(tr.left, key)
		tr.scheduler.Forget(key)
	}
	if tr.rng.IntN(20) == 0 {
		tr.host[key]++
	}
	finished := len(tr.left) == 0
	tr.mu.Unlock()
	if again {
		tr.ask(key)
	}
	if finished {
		close(tr.done)
	}
}

func (tr *trial) ask(key int) {
	tr.mu.Lock()
	task := Task[int]{
		Key: key, Tenant: fmt.Sprint("tenant-", key%3), Born: time.Now().Add(-time.Duration(tr.rng.IntN(int(time.Minute)))),
		Bucket:  Bucket{Host: fmt.Sprint("host-", (key+tr.host[key])%tr.hosts), Account: "a"},
		Resumed: tr.rng.IntN(2) == 0,
	}
	if tr.rng.IntN(5) == 0 {
		task.NotBefore = time.Now().Add(time.Duration(tr.rng.IntN(int(20 * time.Second))))
	}
	tr.mu.Unlock()
	tr.scheduler.Ask(task)
}

func TestNoSecondHoldsMoreArrivalsThanSlotsWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				slots, tasks := 1+rng.IntN(MaxSlots), 1+rng.IntN(120)
				tr := &trial{t: t, rng: rng, hosts: 1 + rng.IntN(3), left: map[int]int{}, host: map[int]int{}, done: make(chan struct{})}
				scheduler, err := New(slots, tr.call)
				if err != nil {
					t.Fatal(err)
				}
				tr.scheduler = scheduler
				for key := range tasks {
					tr.left[key] = 1 + rng.IntN(5)
				}
				scheduler.Start()
				defer scheduler.Stop()
				for key := range tasks {
					tr.ask(key)
				}
				tr.watch()
				for b := range tr.server.arrivals {
					if peak := tr.server.peak(b); peak > slots {
						t.Errorf("%d arrivals within a second at %s, with %d slots", peak, b.Host, slots)
					}
				}
				synctest.Wait()
				if n := scheduler.Len(); n != 0 {
					t.Errorf("%d tasks are still known after all were forgotten", n)
				}
				for _, b := range scheduler.buckets {
					if b.out != 0 || len(b.tenants.byName) != 0 || len(b.waiting) != 0 {
						t.Errorf("%d turns, %d tenants and %d tasks are left", b.out, len(b.tenants.byName), len(b.waiting))
					}
				}
			})
		})
	}
}

// watch looks at the scheduler at random moments until all is done: never may a
// slot be idle while a task is due.
func (tr *trial) watch() {
	for {
		select {
		case <-tr.done:
			return
		case <-time.After(tr.delay(100 * time.Millisecond)):
			synctest.Wait()
			tr.scheduler.verify(tr.t, true)
		}
	}
}
