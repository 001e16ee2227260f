package polling

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestScheduler(t *testing.T) {
	// again returns a turn and expects the task's next one so long after it.
	again := func(t *testing.T, got grants, turn *Turn[string], outcome Outcome, least, most time.Duration) *Turn[string] {
		t.Helper()
		turn.Return(outcome, 0)
		returned := time.Now()
		g := got.next(t)
		if after := g.at.Sub(returned); after < least || after > most {
			t.Errorf("after outcome %d the next turn came after %v, want %v to %v", outcome, after, least, most)
		}
		return g.turn
	}
	for sentence, test := range map[string]func(t *testing.T, s *Scheduler[string], got grants){
		"a task that was never polled gets a free slot at once": func(t *testing.T, s *Scheduler[string], got grants) {
			before := time.Now()
			track(s, "a")
			if g := got.next(t); !g.at.Equal(before) {
				t.Errorf("waited %v", g.at.Sub(before))
			}
		},
		"a slot comes back one second after the turn was returned": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			track(s, "b")
			first := got.next(t)
			pass(7 * time.Second)
			got.none(t, "the only slot is held")
			again(t, got, first.turn, InProgress, Window+1, Window+time.Millisecond)
		},
		"so it does when the call was given up": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			track(s, "b")
			again(t, got, got.next(t).turn, Aborted, Window+1, Window+time.Millisecond)
		},
		"a turn without a call gives its slot back at once": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			track(s, "b")
			again(t, got, got.next(t).turn, Unused, 0, 0)
		},
		"a task is polled again when a poll is worth its price": func(t *testing.T, s *Scheduler[string], got grants) {
			// The rate by the prior is 1/41: worth 0.04 s after some √(2·0.04·41) s.
			s.Track(Task[string]{Key: "a", Bucket: home, Age: 40 * time.Second})
			turn := again(t, got, got.next(t).turn, InProgress, 1650*time.Millisecond, 2000*time.Millisecond)
			again(t, got, turn, Unused, 1650*time.Millisecond, 2000*time.Millisecond) // It does not loop.
		},
		"before anything is known of an age, it is polled after a small share of that and a second": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			turn, begun := got.next(t).turn, time.Now()
			for range 20 {
				turn = again(t, got, turn, InProgress, leastInterval, max((time.Since(begun)+time.Second)/5, Window+1)) // It learns from this one.
			}
		},
		"though nothing ever finished, it is polled again after an eleventh of its age and a second": func(t *testing.T, s *Scheduler[string], got grants) {
			unlearn(s, got)
			begun := time.Now()
			s.Track(Task[string]{Key: "a", Bucket: home, Age: 40 * time.Second})
			turn := got.next(t).turn
			for range 6 {
				share := (time.Since(begun) + 41*time.Second) / 11
				turn = again(t, got, turn, InProgress, share*94/100, share*106/100)
			}
		},
		"nor is any interval longer than half a minute": func(t *testing.T, s *Scheduler[string], got grants) {
			unlearn(s, got)
			s.Track(Task[string]{Key: "a", Bucket: home, Age: 1000 * time.Second})
			again(t, got, got.next(t).turn, InProgress, 28500*time.Millisecond-1, 31500*time.Millisecond)
		},
		"its age is taken when it is first tracked, and not below zero": func(t *testing.T, s *Scheduler[string], got grants) {
			s.Track(Task[string]{Key: "a", Bucket: home, Age: -time.Hour})
			turn := got.next(t).turn
			pass(10 * time.Second)
			for _, age := range []time.Duration{-time.Hour, time.Hour, time.Duration(1<<63 - 1)} { // As after steps of the wall clock.
				s.Track(Task[string]{Key: "a", Bucket: home, Age: age})
				turn = again(t, got, turn, InProgress, time.Second, 7*time.Second)
			}
		},
		"a refused task is polled ever less often, until it is answered": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			turn := got.next(t).turn
			for _, want := range []int{2, 4, 8, 16, 30, 30} {
				turn = again(t, got, turn, Refused, time.Duration(want)*time.Second, time.Duration(want)*time.Second)
			}
			turn = again(t, got, turn, InProgress, 2500*time.Millisecond, 10*time.Second)
			again(t, got, turn, Refused, 2500*time.Millisecond, 10*time.Second) // Its interval is longer than 2 s.
		},
		"a forgiven task begins again": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			turn := got.next(t).turn
			for _, want := range []int{2, 4, 8, 16} {
				turn = again(t, got, turn, Refused, time.Duration(want)*time.Second, time.Duration(want)*time.Second)
			}
			s.Forgive("a")
			s.Forgive("unknown")
			again(t, got, turn, Refused, 2*time.Second, 3200*time.Millisecond) // Or its interval, if that is longer.
		},
		"a refused task delays no other": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "refused")
			turn := got.next(t).turn
			track(s, "b")
			again(t, got, turn, Refused, Window+1, Window+1)
		},
		"a finished task gets no further turn until it is forgotten": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			got.next(t).turn.Return(Finished, 0)
			track(s, "a")
			s.Expedite("a")
			pass(time.Hour)
			got.none(t, "it has finished")
			s.Forget("a")
			track(s, "a")
			got.next(t)
		},
		"an expedited task is due at once": func(t *testing.T, s *Scheduler[string], got grants) {
			s.Track(Task[string]{Key: "a", Bucket: home, Age: time.Hour})
			got.next(t).turn.Return(InProgress, 0)
			pass(5 * time.Second)
			got.none(t, "its interval is half a minute")
			s.Expedite("a")
			s.Expedite("unknown")
			if g := got.next(t); g.turn.Waited() != 0 {
				t.Errorf("waited %v", g.turn.Waited())
			}
		},
		"expediting a task that holds a turn makes it due when that is returned": func(t *testing.T, s *Scheduler[string], got grants) {
			s.Track(Task[string]{Key: "a", Bucket: home, Age: time.Hour})
			held := got.next(t)
			s.Expedite("a")
			turn := again(t, got, held.turn, InProgress, Window+1, Window+1)
			again(t, got, turn, InProgress, 20*time.Second, 40*time.Second)
		},
		"expediting costs no place": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			turn := got.next(t).turn
			track(s, "b")
			pass(Window)
			track(s, "c")
			s.Expedite("c")
			s.Expedite("b")
			turn.Return(Finished, 0)
			if g := got.next(t); g.key != "b" {
				t.Errorf("%s came first", g.key)
			}
		},
		"tracking again while waiting costs no place": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "first")
			held := got.next(t)
			track(s, "a")
			pass(time.Second)
			track(s, "b")
			pass(time.Second)
			track(s, "a")
			held.turn.Return(InProgress, 0)
			if g := got.next(t); g.key != "a" {
				t.Errorf("%s came first", g.key)
			}
		},
		"after a throttled call no turn of the bucket comes before the API allows it": func(t *testing.T, s *Scheduler[string], got grants) {
			other := Bucket{Host: "other.example", Account: home.Account}
			for _, outcome := range []Outcome{Throttled, ThrottledAccount} {
				track(s, "a")
				turn := got.next(t).turn
				begun := time.Now()
				turn.Return(outcome, 17*time.Second)
				s.Track(Task[string]{Key: "other", Bucket: other})
				wait := map[string]time.Duration{"a": 17 * time.Second}
				if outcome == ThrottledAccount {
					wait["other"] = 17 * time.Second
				}
				for range 2 {
					g := got.next(t)
					if after := g.at.Sub(begun); after != wait[g.key] {
						t.Errorf("outcome %d: %s came after %v, want %v", outcome, g.key, after, wait[g.key])
					}
					g.turn.Return(Finished, 0)
					s.Forget(g.key)
				}
				pass(2 * Window)
			}
		},
		"a task that holds a turn gets no second one": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			got.next(t)
			track(s, "a")
			pass(time.Hour)
			got.none(t, "its first turn is still out")
		},
		"a forgotten task gets no turn, and its name can be used again": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "held")
			held := got.next(t)
			track(s, "a")
			s.Forget("a")
			s.Forget("held")
			held.turn.Return(InProgress, 0)
			pass(time.Hour)
			got.none(t, "it was forgotten")
			track(s, "a")
			got.next(t)
		},
		"a bucket whose calls hang delays no other": func(t *testing.T, s *Scheduler[string], got grants) {
			hung := Bucket{Host: "hung.example", Account: "a"}
			for _, key := range []string{"h1", "h2", "h3"} {
				s.Track(Task[string]{Key: key, Bucket: hung})
			}
			got.next(t)
			before := time.Now()
			track(s, "a")
			if g := got.next(t); g.key != "a" || !g.at.Equal(before) {
				t.Errorf("%s after %v", g.key, g.at.Sub(before))
			}
		},
		"a task whose account changes is polled in its new bucket": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "held")
			got.next(t)
			track(s, "a")
			got.none(t, "the only slot is held")
			other := Bucket{Host: home.Host, Account: "other"}
			s.Rename(home, other, func(key string) bool { return key == "a" })
			got.none(t, "a call is out that may count for the same account")
			pass(Window)
			g := got.next(t)
			if g.key != "a" || g.turn.Bucket() != other {
				t.Errorf("%s of %v came first", g.key, g.turn.Bucket())
			}
			s.Rename(other, other, func(string) bool { return true }) // Nothing changes.
			again(t, got, g.turn, InProgress, Window+1, Window+time.Millisecond)
		},
		"a bucket that lost its last task does not own its slots twice": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			held := got.next(t)
			s.Forget("a")
			track(s, "b")
			again(t, got, held.turn, InProgress, Window+1, Window+time.Millisecond)
		},
		"nothing is granted after Stop": func(t *testing.T, s *Scheduler[string], got grants) {
			track(s, "a")
			held := got.next(t)
			track(s, "b")
			s.Stop()
			held.turn.Return(InProgress, 0)
			pass(time.Hour)
			got.none(t, "the scheduler is stopped")
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 1)
				test(t, s, got)
				synctest.Wait()
				s.verify(t, true)
			})
		})
	}
}
