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

// track tracks a new task of the bucket home.
func track(s *Scheduler[string], key string) { s.Track(Task[string]{Key: key, Bucket: home}) }

// unlearn lets the bucket home believe that tasks never finish.
func unlearn(s *Scheduler[string], got grants) {
	track(s, "stuck")
	(<-got).turn.Return(Finished, 0)
	s.Forget("stuck")
	h := s.buckets[home].common
	for range memory {
		h.learn(s.now(), 0, 24*time.Hour, false)
	}
	h.finishes = [bandCount]float64{}
	h.estimate(s.now())
	pass(2 * Window)
}
