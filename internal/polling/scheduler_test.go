package polling

import (
	"testing"
	"testing/synctest"
	"time"
)

var home = Bucket{Host: "clb.example", Account: "a"}

// grants collects turns as they are granted, without returning them.
type grants chan granted

type granted struct {
	key  string
	turn *Turn[string]
	at   time.Time
}

func start(t *testing.T, slots int) (*Scheduler[string], grants) {
	t.Helper()
	got := make(grants, 1000)
	s, err := New(slots, func(key string, turn *Turn[string]) { got <- granted{key, turn, time.Now()} })
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(s.Stop)
	pass(Window) // The scheduler opens one window after its start.
	return s, got
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

func (g grants) none(t *testing.T, why string) {
	t.Helper()
	synctest.Wait()
	select {
	case got := <-g:
		t.Fatalf("%s got a turn: %s", got.key, why)
	default:
	}
}

func (g grants) next(t *testing.T) granted {
	t.Helper()
	synctest.Wait() // Turns granted together come in any order, but none late.
	select {
	case got := <-g:
		return got
	case <-time.After(time.Hour):
		t.Fatal("no turn within an hour")
		return granted{}
	}
}

func TestScheduler(t *testing.T) {
	ask := func(s *Scheduler[string], key string) {
		s.Ask(Task[string]{Key: key, Bucket: home, Born: time.Now()})
	}
	for sentence, test := range map[string]func(t *testing.T){
		"a task that was never asked gets a free slot at once": func(t *testing.T) {
			s, got := start(t, 1)
			before := time.Now()
			ask(s, "a")
			if g := got.next(t); !g.at.Equal(before) {
				t.Errorf("waited %v", g.at.Sub(before))
			}
		},
		"nothing is granted in the first second after the start, since a former process may just have called": func(t *testing.T) {
			got := make(grants, 10)
			s, err := New(5, func(key string, turn *Turn[string]) { got <- granted{key, turn, time.Now()} })
			if err != nil {
				t.Fatal(err)
			}
			ask(s, "a")
			got.none(t, "before the start")
			s.Start()
			defer s.Stop()
			begun := time.Now()
			if g := got.next(t); g.at.Sub(begun) != Window {
				t.Errorf("granted %v after the start", g.at.Sub(begun))
			}
		},
		"a slot comes back one second after the turn was returned": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "a")
			ask(s, "b")
			first := got.next(t)
			pass(7 * time.Second)
			got.none(t, "the only slot is held")
			first.turn.Return(InProgress)
			returned := time.Now()
			if g := got.next(t); g.at.Sub(returned) <= Window || g.at.Sub(returned) > Window+time.Millisecond {
				t.Errorf("the slot came back after %v", g.at.Sub(returned))
			}
		},
		"a turn without a call gives its slot back at once": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "a")
			ask(s, "b")
			got.next(t).turn.Return(Unused)
			got.next(t)
		},
		"a task is asked again after an eleventh of its age and a second": func(t *testing.T) {
			s, got := start(t, 5)
			born := time.Now().Add(-40 * time.Second)
			s.Ask(Task[string]{Key: "a", Bucket: home, Born: born})
			got.next(t).turn.Return(InProgress)
			s.Ask(Task[string]{Key: "a", Bucket: home, Born: born})
			asked := time.Now()
			if gap := got.next(t).at.Sub(asked); gap < 3540*time.Millisecond || gap > 3915*time.Millisecond {
				t.Errorf("asked again after %v", gap)
			}
		},
		"a backoff delays the task and no other": func(t *testing.T) {
			s, got := start(t, 5)
			s.Ask(Task[string]{Key: "slow", Bucket: home, Born: time.Now(), NotBefore: time.Now().Add(time.Minute)})
			ask(s, "b")
			if g := got.next(t); g.key != "b" {
				t.Errorf("%s came first", g.key)
			}
			asked := time.Now()
			if g := got.next(t); g.key != "slow" || g.at.Sub(asked) != time.Minute {
				t.Errorf("%s after %v", g.key, g.at.Sub(asked))
			}
		},
		"a backoff that is lifted is over at once": func(t *testing.T) {
			s, got := start(t, 5)
			s.Ask(Task[string]{Key: "a", Bucket: home, Born: time.Now(), NotBefore: time.Now().Add(time.Hour)})
			pass(time.Minute)
			got.none(t, "its backoff is an hour")
			ask(s, "a")
			lifted := time.Now()
			if g := got.next(t); !g.at.Equal(lifted) {
				t.Errorf("waited %v more", g.at.Sub(lifted))
			}
		},
		"asking again while waiting costs no place": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "first")
			held := got.next(t)
			ask(s, "a")
			pass(time.Second)
			ask(s, "b")
			pass(time.Second)
			ask(s, "a")
			held.turn.Return(InProgress)
			if g := got.next(t); g.key != "a" {
				t.Errorf("%s came first", g.key)
			}
		},
		"a throttled call costs the task no place": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "throttled")
			first := got.next(t)
			pass(time.Second)
			ask(s, "b")
			first.turn.Return(Throttled)
			s.Ask(Task[string]{Key: "throttled", Bucket: home, Born: first.at})
			if g := got.next(t); g.key != "throttled" {
				t.Errorf("%s came first", g.key)
			}
		},
		"a task that holds a turn gets no second one": func(t *testing.T) {
			s, got := start(t, 5)
			ask(s, "a")
			got.next(t)
			ask(s, "a")
			pass(time.Hour)
			got.none(t, "its first turn is still out")
		},
		"a forgotten task gets no turn, and its name can be used anew": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "held")
			held := got.next(t)
			ask(s, "a")
			s.Forget("a")
			s.Forget("held")
			held.turn.Return(InProgress)
			pass(time.Hour)
			got.none(t, "it was forgotten")
			ask(s, "a")
			got.next(t)
		},
		"a bucket whose calls hang delays no other": func(t *testing.T) {
			s, got := start(t, 2)
			hung := Bucket{Host: "hung.example", Account: "a"}
			for _, key := range []string{"h1", "h2", "h3"} {
				s.Ask(Task[string]{Key: key, Bucket: hung, Born: time.Now()})
			}
			got.next(t)
			got.next(t)
			before := time.Now()
			ask(s, "a")
			if g := got.next(t); g.key != "a" || !g.at.Equal(before) {
				t.Errorf("%s after %v", g.key, g.at.Sub(before))
			}
		},
		"a task whose account changes is asked in its new bucket": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "held")
			got.next(t)
			ask(s, "a")
			got.none(t, "the only slot is held")
			s.Ask(Task[string]{Key: "a", Bucket: Bucket{Host: home.Host, Account: "other"}, Born: time.Now()})
			if g := got.next(t); g.key != "a" {
				t.Errorf("%s came first", g.key)
			}
		},
		"a bucket made anew does not own its slots twice": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "a")
			held := got.next(t)
			s.Forget("a")
			held.turn.Return(InProgress)
			returned := time.Now()
			ask(s, "b")
			if g := got.next(t); g.at.Sub(returned) <= Window {
				t.Errorf("granted %v after the former call", g.at.Sub(returned))
			}
		},
		"nothing is granted after Stop": func(t *testing.T) {
			s, got := start(t, 1)
			ask(s, "a")
			held := got.next(t)
			ask(s, "b")
			s.Stop()
			held.turn.Return(InProgress)
			pass(time.Hour)
			got.none(t, "the scheduler is stopped")
		},
	} {
		t.Run(sentence, func(t *testing.T) { synctest.Test(t, test) })
	}
}

func TestSlotsOutsideTheQuotaAreRefused(t *testing.T) {
	for _, slots := range []int{-1, 0, MaxSlots + 1} {
		if _, err := New(slots, func(string, *Turn[string]) {}); err == nil {
			t.Errorf("%d slots were accepted", slots)
		}
	}
}
