package polling

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// standing is a tenant's due tasks for a test of who is next.
type standing struct {
	lines lines[string]
	rates *hazard
	now   time.Duration
}

func newStanding() *standing {
	return &standing{rates: newHazard(0), now: time.Hour}
}

// add puts a due task in: its age, and how long ago it was asked (never, where
// not at all).
func (s *standing) add(key string, age, ago time.Duration) *entry[string] {
	e := &entry[string]{key: key, born: s.now - age, asked: s.now - ago, index: unqueued}
	if ago == never {
		e.asked = never
	}
	s.lines.put(e, s.now)
	return e
}

func (s *standing) next() string { return s.lines.next(s.now, s.rates, (*hazard).worth).key }

// teach lets tasks be found finished, or not, within an interval of ages.
func (s *standing) teach(tasks int, from, to time.Duration, finished bool) {
	for range tasks {
		s.rates.learn(0, from, to, finished)
	}
}

func TestOrder(t *testing.T) {
	for sentence, test := range map[string]struct {
		stand func(s *standing)
		want  []string
	}{
		"of tasks of one age the one that waited longest is first": {
			stand: func(s *standing) {
				s.add("b", 10*time.Second, 2*time.Second)
				s.add("a", 10*time.Second, 4*time.Second)
				s.add("c", 10*time.Second, time.Second)
			},
			want: []string{"a", "b", "c"},
		},
		"where nothing is learned a young task goes before an old one that waited as long": {
			stand: func(s *standing) {
				s.add("old", time.Hour, 5*time.Second)
				s.add("young", 10*time.Second, 5*time.Second)
			},
			want: []string{"young", "old"},
		},
		"an old task that waited long enough goes before a young one": {
			stand: func(s *standing) {
				s.add("young", 10*time.Second, time.Second)
				s.add("old", 30*time.Minute, 10*time.Minute)
			},
			want: []string{"old", "young"},
		},
		"where tasks turn out to be stuck, their age is put off": {
			stand: func(s *standing) {
				s.teach(200, 20*time.Second, 40*time.Second, false)
				s.teach(100, 4*time.Second, 8*time.Second, true)
				s.add("stuck", 35*time.Second, 15*time.Second)
				s.add("young", 8*time.Second, 2*time.Second)
			},
			want: []string{"young", "stuck"},
		},
		"a task that was never asked goes by its whole age": {
			stand: func(s *standing) {
				s.add("asked", 4*time.Second, time.Second)
				s.add("never asked", 4*time.Second, never)
			},
			want: []string{"never asked", "asked"},
		},
		"where first answers say finished, first questions move to the front": {
			stand: func(s *standing) {
				s.teach(100, 0, 30*time.Millisecond, true)
				s.add("waited", 10*time.Second, 4*time.Second)
				s.add("new", 300*time.Millisecond, never)
			},
			want: []string{"new", "waited"},
		},
		"otherwise a new task waits for its turn": {
			stand: func(s *standing) {
				s.add("waited", 10*time.Second, 4*time.Second)
				s.add("new", 300*time.Millisecond, never)
			},
			want: []string{"waited", "new"},
		},
		"a task that comes back to its line after a throttled call is first again": {
			stand: func(s *standing) {
				throttled := s.add("throttled", 10*time.Second, 4*time.Second)
				s.lines.take(throttled)
				s.add("other", 10*time.Second, 3*time.Second)
				s.lines.put(throttled, s.now)
			},
			want: []string{"throttled", "other"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := newStanding()
			test.stand(s)
			for i, want := range test.want {
				if got := s.next(); got != want {
					t.Fatalf("%d: %s is next, want %s", i, got, want)
				}
			}
			if s.lines.count != 0 || s.lines.used != 0 {
				t.Errorf("%d tasks are left", s.lines.count)
			}
		})
	}
}

func TestTasksThatOutgrowTheirLineWhileTheyWaitMoveOutOfTheWayOfYoungerOnes(t *testing.T) {
	s := newStanding()
	old := []*entry[string]{s.add("old 1", 10*time.Second, time.Second), s.add("old 2", 10*time.Second, time.Second)}
	s.now += time.Minute
	young := s.add("young", 10*time.Second, time.Second)
	asked := s.next()
	if young.line.first != young {
		t.Error("a young task stands behind old ones")
	}
	for _, e := range old {
		if e.key != asked && e.line != &s.lines.all[e.lineOf(s.now)] {
			t.Errorf("%s stands in the line of ages around %v s", e.key, bandStarts[e.line.place-1])
		}
	}
}

func TestTheLongestWaitingTaskIsAskedWhateverWasLearned(t *testing.T) {
	s := newStanding()
	s.teach(1000, time.Minute, 2*time.Minute, false)
	s.teach(1000, time.Second, 2*time.Second, true)
	for i := range 5 {
		s.add(fmt.Sprint("stuck ", i), 90*time.Second, 20*time.Second)
	}
	asked := 0
	for range 5 * patience {
		young := s.add("young", 2*time.Second, time.Second)
		if e := s.lines.next(s.now, s.rates, (*hazard).worth); e != young {
			asked++
			s.lines.take(young)
		}
	}
	if asked != 5 {
		t.Errorf("%d of 5 stuck tasks were asked in %d turns", asked, 5*patience)
	}
}

func TestResumedTasksGoByAgeAndAreDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 1)
		ask := func(key string, age time.Duration, resumed bool) {
			s.Ask(Task[string]{Key: key, Bucket: home, Born: time.Now().Add(-age), Resumed: resumed})
		}
		ask("first", time.Second, false) // It holds the slot.
		holder := got.next(t)
		ask("old", 24*time.Hour, true)
		ask("young", 5*time.Second, true)
		holder.turn.Return(Finished)
		for _, want := range []string{"young", "old"} {
			g := got.next(t)
			if g.key != want || g.turn.waited < Window {
				t.Fatalf("%s is next after %v, want %s", g.key, g.turn.waited, want)
			}
			g.turn.Return(Finished)
			s.Forget(g.key)
		}
	})
}
