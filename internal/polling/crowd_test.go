package polling

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// manyTasks follows 100,000 tasks of 50 buckets at once, in virtual time, and
// says how that went.
func manyTasks(t *testing.T) string {
	const buckets, each = 50, 2000
	begin := time.Now()
	var makespan, bound time.Duration
	calls, peak := 0, 0
	synctest.Test(t, func(*testing.T) {
		rng := rand.New(rand.NewPCG(1, 3))
		begun := time.Now().Add(Window)
		var mu sync.Mutex
		var at server
		left, done := buckets*each, make(chan struct{})
		ends := make([]time.Time, left)
		bound = each * Window / MaxSlots
		for k := range ends {
			lasts := min(lognormal(rng), time.Minute)
			ends[k], bound = begun.Add(lasts), max(bound, lasts)
		}
		var s *Scheduler[int]
		s, _ = New(MaxSlots, func(k int, turn *Turn[int]) {
			pass(10 * time.Millisecond)
			at.arrive(turn.entry.lane.gate.bucket.name)
			finished := !time.Now().Before(ends[k])
			pass(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			calls++
			if !finished {
				turn.Return(InProgress, 0)
				return
			}
			turn.Return(Finished, 0)
			s.Forget(k)
			left--
			if left == 0 {
				makespan = time.Since(begun)
				close(done)
			}
		})
		s.Start()
		pass(Window)
		for k := range ends {
			s.Track(Task[int]{Key: k, Bucket: Bucket{Host: strconv.Itoa(k % buckets)}, Tenant: strconv.Itoa(k % 7)})
		}
		<-done
		s.Stop()
		pass(time.Second)
		for i := range buckets {
			peak = max(peak, at.peak(Bucket{Host: strconv.Itoa(i)}))
		}
	})
	return fmt.Sprintf("100,000 tasks over 50 buckets at once: makespan %.1f s, %.3f of its bound; %.2f calls a task; at most %d arrivals\n"+
		"within any second at a bucket of %d; simulated in %.1f s of real time.\n",
		makespan.Seconds(), makespan.Seconds()/bound.Seconds(), float64(calls)/(buckets*each), peak, MaxSlots, time.Since(begin).Seconds())
}

// crowded is a scheduler with n tasks of one bucket and ten tenants, aged from
// seconds to hours.
func crowded[K comparable](n int, key func(int) K) *Scheduler[K] {
	s, err := New(MaxSlots, func(K, *Turn[K]) {})
	if err != nil {
		panic(err)
	}
	for i := range n {
		s.Track(Task[K]{
			Key: key(i), Bucket: home, Tenant: strconv.Itoa(i % 10),
			Age: time.Duration(1+i%10_000) * time.Second, Polled: i%10 > 0,
		})
	}
	return s
}

// BenchmarkDecision measures what it takes to choose the next task, hear its
// answer and queue it again, with n tasks tracked, and how much memory each takes.
func BenchmarkDecision(b *testing.B) {
	type name struct{ namespace, name string }
	for n := 10; n <= 1_000_000; n *= 10 {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			names := make([]name, n)
			for i := range names {
				names[i] = name{strconv.Itoa(i % 10), strconv.Itoa(i)}
			}
			before := heapBytes()
			s := crowded(n, func(i int) *name { return &names[i] })
			size := heapBytes() - before
			bucket := s.buckets[home]
			now := s.now()
			b.ResetTimer()
			for range b.N {
				now += 50 * time.Millisecond
				bucket.promote(now)
				if !bucket.anyDue() {
					now = bucket.nextDue()
					bucket.promote(now)
				}
				e := bucket.next(now)
				(&Turn[*name]{entry: e}).learn(now, InProgress)
				e.lane.gate.clean(e.lane, now, false)
				e.requeue(InProgress, now, 0.5)
			}
			b.ReportMetric(float64(size)/float64(n), "bytes/task")
			runtime.KeepAlive(s)
		})
	}
}

// BenchmarkTrack measures what it takes to track a task that is tracked already.
func BenchmarkTrack(b *testing.B) {
	for n := 10; n <= 1_000_000; n *= 10 {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			s := crowded(n, func(i int) int { return i })
			b.ResetTimer()
			for i := range b.N {
				s.Track(Task[int]{Key: i % n, Bucket: home, Tenant: strconv.Itoa(i % n % 10)})
			}
		})
	}
}

// BenchmarkClosedGate measures what it takes to park a due task and to send it back,
// while most calls of its region fail.
func BenchmarkClosedGate(b *testing.B) {
	for n := 10; n <= 1_000_000; n *= 10 {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			s := crowded(n, func(i int) int { return i })
			bucket := s.buckets[home]
			g := bucket.gateOf("")
			g.share, g.out = 0, 1
			for _, l := range bucket.lanes {
				l.failed = 2
			}
			now := s.now()
			for bucket.anyDue() {
				bucket.next(now) // It parks all.
			}
			b.ResetTimer()
			for range b.N {
				now += Window
				g.out = 0
				g.fit()
				bucket.promote(now)
				e := bucket.next(now)
				e.tried, e.state = now, out
				g.grant(e, now)
				g.fail(e, now, false, true)
				e.requeue(EndpointFailed, now, 0.5)
			}
		})
	}
}

func heapBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
