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

// trial is a random life of a scheduler: tasks of some buckets, asked over a
// network with random delays, until each has been answered often enough.
type trial struct {
	t         *testing.T
	rng       *rand.Rand
	mu        sync.Mutex
	scheduler *Scheduler[int]
	server    server
	bucketOf  func(int) Bucket
	left      map[int]int
	forgotten map[int]bool
	done      chan struct{}
}

func (tr *trial) random(n int) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.rng.IntN(n)
}

func (tr *trial) delay(most time.Duration) time.Duration {
	return time.Duration(tr.random(int(most)))
}

// call is one turn: out over the network, and back.
func (tr *trial) call(key int, turn *Turn[int]) {
	tr.mu.Lock()
	if tr.forgotten[key] {
		tr.t.Errorf("task %d got a turn after it was forgotten", key)
	}
	tr.mu.Unlock()
	pass(tr.delay(400 * time.Millisecond))
	tr.server.arrive(tr.bucketOf(key))
	pass(tr.delay(1500 * time.Millisecond))
	if tr.random(4) == 0 {
		defer turn.Return(Answered) // A second return must change nothing.
	}
	turn.Return(Answered)
	tr.settle(key)
}

func (tr *trial) settle(key int) {
	tr.mu.Lock()
	tr.left[key]--
	again := tr.left[key] > 0
	if !again {
		tr.scheduler.Forget(key)
		tr.forgotten[key] = true
		delete(tr.left, key)
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
	tr.scheduler.Ask(Task[int]{Key: key, Bucket: tr.bucketOf(key), Tenant: "default", Born: time.Now()})
}

func TestNoSecondHoldsMoreArrivalsThanSlotsWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				slots, tasks, buckets := 1+rng.IntN(MaxSlots), 1+rng.IntN(120), 1+rng.IntN(3)
				tr := &trial{
					t: t, rng: rng, left: map[int]int{}, forgotten: map[int]bool{}, done: make(chan struct{}),
					bucketOf: func(key int) Bucket { return Bucket{Host: fmt.Sprint("host-", key%buckets), Account: "a"} },
				}
				scheduler, err := New(slots, tr.call)
				if err != nil {
					t.Fatal(err)
				}
				tr.scheduler = scheduler
				for key := range tasks {
					tr.left[key] = 1 + rng.IntN(4)
				}
				scheduler.Start()
				defer scheduler.Stop()
				for key := range tasks {
					tr.ask(key)
				}
				<-tr.done
				for b := range tr.server.arrivals {
					if peak := tr.server.peak(b); peak > slots {
						t.Errorf("%d arrivals within a second at %s, with %d slots", peak, b.Host, slots)
					}
				}
				synctest.Wait()
				if n := scheduler.Len(); n != 0 {
					t.Errorf("%d tasks are still known after all were forgotten", n)
				}
			})
		})
	}
}
