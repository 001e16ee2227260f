package polling

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gateway is a server of 20 requests in any second, which another program uses,
// too. It notes what becomes of our requests.
type gateway struct {
	mu                 sync.Mutex
	accepted           []time.Time
	answered, refused  int
	others             time.Duration // Between two requests of the other; zero for none.
	nextOther, counted time.Time
}

// arrive reports whether a request of ours passes.
func (g *gateway) arrive() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for ; g.others > 0 && !g.nextOther.After(now); g.nextOther = g.nextOther.Add(g.others) {
		g.pass(g.nextOther)
	}
	passes := g.pass(now)
	if now.After(g.counted) {
		if passes {
			g.answered++
		} else {
			g.refused++
		}
	}
	return passes
}

func (g *gateway) pass(at time.Time) bool {
	for len(g.accepted) > 0 && at.Sub(g.accepted[0]) >= Window {
		g.accepted = g.accepted[1:]
	}
	if len(g.accepted) >= MaxSlots {
		return false
	}
	g.accepted = append(g.accepted, at)
	return true
}

// count begins to count again.
func (g *gateway) count() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered, g.refused, g.counted = 0, 0, time.Now()
}

// leave lets the other program end, and checks that we have the full rate so long
// after it.
func (g *gateway) leave(t *testing.T, after time.Duration) {
	t.Helper()
	g.mu.Lock()
	g.others = 0
	g.mu.Unlock()
	pass(after)
	g.count()
	pass(10 * time.Second)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.answered < 190 || g.refused > 0 {
		t.Errorf("%v after it has ended %d calls were answered in 10 s and %d throttled", after, g.answered, g.refused)
	}
}

// busy runs a scheduler with more tasks than it can poll at a gateway, until
// stop is called.
func busy(t *testing.T, g *gateway) (stop func()) {
	t.Helper()
	s, err := New(MaxSlots, func(_ int, turn *Turn[int]) {
		pass(10 * time.Millisecond)
		outcome := InProgress
		if !g.arrive() {
			outcome = Throttled
		}
		pass(10 * time.Millisecond)
		turn.Return(outcome, 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	for key := range 900 {
		s.Track(Task[int]{Key: key, Bucket: home, Age: time.Second})
	}
	return func() {
		s.Stop()
		pass(time.Second) // Calls under way come back.
	}
}

// Another program that uses the quota is given room.
func TestAnotherProgram(t *testing.T) {
	for _, others := range []int{4, 8, 12, 16, 19} {
		t.Run(fmt.Sprint(others, " of 20 requests a second are another's"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{others: Window / time.Duration(others), nextOther: time.Now()}
				stop := busy(t, g)
				defer stop()
				pass(11 * time.Second)
				g.count()
				pass(2 * time.Minute)
				left := 120 * (MaxSlots - others)
				g.mu.Lock()
				if share := float64(g.refused) / float64(g.answered+g.refused); share > 0.03 {
					t.Errorf("%.1f %% of our calls were throttled", 100*share)
				}
				if g.answered*100 < left*80 {
					t.Errorf("%d of our calls were answered, of %d that are left to us", g.answered, left)
				}
				g.mu.Unlock()
				g.leave(t, 90*time.Second)
			})
		})
	}
}

// Fifty buckets in trouble change nothing for another.
func TestBucketsInTrouble(t *testing.T) {
	// life returns when the tasks of the bucket home are granted, beside fifty others
	// whose turns become what trouble makes of them.
	life := func(t *testing.T, trouble func(*Turn[string])) (at []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			s, err := New(5, func(_ string, turn *Turn[string]) {
				if turn.entry.lane.gate.bucket.name != home {
					trouble(turn)
					return
				}
				mu.Lock()
				at = append(at, time.Duration(time.Now().UnixNano()))
				mu.Unlock()
				pass(20 * time.Millisecond)
				turn.Return(Finished, 0)
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
			for i := range 50 * 20 {
				if trouble != nil {
					s.Track(Task[string]{Key: fmt.Sprint("t", i), Bucket: Bucket{Host: strconv.Itoa(i % 50), Account: strconv.Itoa(i % 50)}})
				}
			}
			for i := range 100 {
				s.Track(Task[string]{Key: fmt.Sprint("home", i), Bucket: home})
			}
			pass(time.Minute)
			s.Stop()
			pass(2 * time.Minute) // Those that hang come back.
		})
		return at
	}
	alone := life(t, nil)
	if len(alone) != 100 {
		t.Fatalf("%d of 100 tasks were polled", len(alone))
	}
	for sentence, trouble := range map[string]func(*Turn[string]){
		"their calls hang":   func(turn *Turn[string]) { pass(2 * time.Minute); turn.Return(EndpointFailed, 0) },
		"their calls fail":   func(turn *Turn[string]) { turn.Return(EndpointFailed, 0) },
		"they are throttled": func(turn *Turn[string]) { turn.Return(Throttled, 0) },
		"their accounts are": func(turn *Turn[string]) { turn.Return(ThrottledAccount, 0) },
	} {
		t.Run(sentence, func(t *testing.T) {
			beside := life(t, trouble)
			if fmt.Sprint(beside) != fmt.Sprint(alone) {
				t.Errorf("its turns came at other times:\n%v\nalone:\n%v", beside, alone)
			}
		})
	}
}

// Turns out are bounded over all buckets.
func TestTurnsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 4)
		s.maxOut = 8
		for i := range 30 { // Calls of three buckets hang.
			s.Track(Task[string]{Key: strconv.Itoa(i), Bucket: Bucket{Host: strconv.Itoa(i % 3)}})
		}
		synctest.Wait()
		if len(got) != 6 {
			t.Errorf("%d turns of 8 are out for three buckets, want 2 for each", len(got))
		}
		var hung granted
		for range len(got) {
			hung = got.next(t)
		}
		track(s, "a")
		got.next(t)
		track(s, "b")
		got.none(t, "its bucket has its share, and one is left for another")
		hung.turn.Return(Finished, 0)
		if g := got.next(t); g.key != "b" {
			t.Errorf("%s came first", g.key)
		}
		s.verify(t, true)
	})
}

// While a bucket is congested its turns are paced.
func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 10)
		for i := range 200 {
			track(s, strconv.Itoa(i))
		}
		var times []time.Time
		for range 300 {
			g := got.next(t)
			times = append(times, g.at)
			g.turn.Return(InProgress, 0)
		}
		if burst := times[9].Sub(times[0]); burst != 0 {
			t.Errorf("the first ten turns took %v", burst)
		}
		least := time.Duration(pacingShare * float64(Window) / 10)
		for i := 201; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); gap < least-time.Microsecond {
				t.Fatalf("turn %d came %v after the one before, want at least %v", i, gap, least)
			}
		}
		if rate := 99 / times[299].Sub(times[200]).Seconds(); rate < 9.9 {
			t.Errorf("%.2f turns a second", rate)
		}
	})
}

// Once the congestion is over turns are granted at once again.
func TestAfterCongestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 10)
		finish := func(g granted) {
			g.turn.Return(Finished, 0)
			s.Forget(g.key)
		}
		for i := range 200 {
			track(s, strconv.Itoa(i))
		}
		for range 200 {
			finish(got.next(t))
		}
		// Six tasks a second, two at a time, keep more than half of the slots busy.
		for i := range 9 {
			pass(Window / 3)
			track(s, strconv.Itoa(i))
			track(s, strconv.Itoa(-1-i))
			finish(got.next(t))
			finish(got.next(t))
		}
		asked := time.Now()
		track(s, "a")
		track(s, "b")
		for range 2 {
			if g := got.next(t); !g.at.Equal(asked) {
				t.Errorf("%s waited %v beside idle slots", g.key, g.at.Sub(asked))
			}
		}
	})
}

// After another program used up the quota the full rate is soon back.
func TestQuotaUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{others: Window / (2 * MaxSlots), nextOther: time.Now()}
		stop := busy(t, g)
		defer stop()
		pass(90 * time.Second)
		g.leave(t, maxPause+90*time.Second)
	})
}

// Buckets without tasks are let go of after an hour.
func TestIdleBuckets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 1)
		for i, wait := range []time.Duration{0, keepIdle / 2, keepIdle + time.Second} {
			pass(wait)
			key := strconv.Itoa(i)
			s.Track(Task[string]{Key: key, Bucket: Bucket{Host: key}})
			got.next(t).turn.Return(Finished, 0)
			s.Forget(key)
		}
		if _, kept := s.buckets[Bucket{Host: "1"}]; kept || len(s.buckets) != 1 {
			t.Errorf("%d buckets are left", len(s.buckets))
		}
	})
}
