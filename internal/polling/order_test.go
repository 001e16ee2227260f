package polling

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// standing is a tenant's due tasks for a test of who is next.
type standing struct {
	lines lines[string]
	kind  *kind
	now   time.Duration
}

func newStanding() *standing {
	return &standing{kind: &kind{hazard: newHazard(0, nil, (*hazard).solve)}, now: time.Hour}
}

// add puts a due task in: its age, and how long ago it was answered (never, if
// it was not).
func (s *standing) add(key string, age, ago time.Duration) *entry[string] {
	e := &entry[string]{key: key, kind: s.kind, born: s.now - age, answered: s.now - ago}
	if ago == never {
		e.answered = never
	}
	s.lines.put(e, s.now)
	return e
}

func (s *standing) next() *entry[string] {
	e := s.lines.next(s.now)
	s.lines.turns++
	return e
}

// teach lets tasks be found finished, or not, within an interval of ages.
func (s *standing) teach(tasks int, from, to time.Duration, finished bool) {
	for range tasks {
		s.kind.learn(0, from, to, finished)
	}
	s.kind.estimate(0)
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
		"a task that was never polled waits since it was born": {
			stand: func(s *standing) {
				s.add("polled", 4*time.Second, time.Second)
				s.add("never polled", 4*time.Second, never)
			},
			want: []string{"never polled", "polled"},
		},
		"if first answers say finished, first polls move to the front": {
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
				if got := s.next().key; got != want {
					t.Fatalf("%d: %s is next, want %s", i, got, want)
				}
			}
			if s.lines.count != 0 {
				t.Errorf("%d tasks are left", s.lines.count)
			}
		})
	}
}

// Tasks that outgrow their line while they wait move out of the way of younger ones.
func TestOutgrownLine(t *testing.T) {
	s := newStanding()
	old := []*entry[string]{s.add("old 1", 10*time.Second, time.Second), s.add("old 2", 10*time.Second, time.Second)}
	s.now += time.Minute
	young := s.add("young", 10*time.Second, time.Second)
	polled := s.next()
	if s.lines.all[young.line][0].item != young {
		t.Error("a young task stands behind old ones")
	}
	for _, e := range old {
		if at, _ := e.level(s.now); e != polled && int(e.line) != at {
			t.Errorf("%s stands in line %d", e.key, e.line)
		}
	}
}

// The task that waited longest is polled, even if what was learned is wrong.
func TestLongestWaiting(t *testing.T) {
	s := newStanding()
	s.teach(1000, time.Minute, 2*time.Minute, false)
	s.teach(1000, time.Second, 2*time.Second, true)
	for i := range 5 {
		s.add(fmt.Sprint("stuck ", i), 90*time.Second, 20*time.Second)
	}
	polled := 0
	for range 5 * longestEvery {
		young := s.add("young", 2*time.Second, time.Second)
		if s.next() != young {
			polled++
			s.lines.take(young)
		}
	}
	if polled != 5 {
		t.Errorf("%d of 5 stuck tasks were polled in %d turns", polled, 5*longestEvery)
	}
}

// A task that got its turn since it stood longest stands first again if the call was throttled, or failed. If
// calls fail in a row, others have their chance.
func TestLongestKeepsItsPlace(t *testing.T) {
	for sentence, test := range map[string]struct {
		turns    int // Of its tenant, before this one.
		outcome  Outcome
		failures uint16 // Before this call.
		first    bool
	}{
		"its call fails":                         {longestEvery - 1, EndpointFailed, 0, true},
		"its account fails":                      {longestEvery - 1, AccountFailed, 0, true},
		"its calls fail in a row":                {longestEvery - 1, EndpointFailed, 1, false},
		"it is throttled":                        {longestEvery - 1, Throttled, 0, true},
		"it is throttled after its calls failed": {longestEvery - 1, Throttled, 5, true},
		"it is answered":                         {longestEvery - 1, InProgress, 0, false},
		"another stands longer":                  {longestEvery, EndpointFailed, 0, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 1)
				track(s, "holder")
				holder := got.next(t)
				for i := range 10 {
					track(s, strconv.Itoa(i))
				}
				holder.turn.entry.tenant.lines.turns = test.turns
				holder.turn.Return(Finished, 0)
				g := got.next(t)
				e := g.turn.entry
				e.failures = test.failures
				g.turn.Return(test.outcome, 0)
				if first := e.tenant.lines.first == e; first != test.first {
					t.Errorf("it stands first: %t", first)
				}
			})
		})
	}
}

// Tasks that a former process polled are ordered by age, and are due at once.
func TestFormerProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, got := start(t, 1)
		track(s, "first") // It holds the slot.
		holder := got.next(t)
		s.Track(Task[string]{Key: "old", Bucket: home, Age: 24 * time.Hour, Polled: true})
		s.Track(Task[string]{Key: "young", Bucket: home, Age: 5 * time.Second, Polled: true})
		holder.turn.Return(Finished, 0)
		for _, want := range []string{"young", "old"} {
			g := got.next(t)
			if g.key != want || g.turn.Waited() < Window {
				t.Fatalf("%s is next after %v, want %s", g.key, g.turn.Waited(), want)
			}
			g.turn.Return(Finished, 0)
		}
	})
}

// A burst that is throttled keeps its places.
func TestThrottledBurst(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		t.Run(fmt.Sprint("returned in the order ", order), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 4)
				var first []granted
				for i := range 303 {
					track(s, fmt.Sprintf("%03d", i))
					pass(time.Millisecond)
					if i < 3 {
						first = append(first, got.next(t))
					}
				}
				got.next(t) // The fourth slot's is out for good.
				for _, i := range order {
					first[i].turn.Return(Throttled, 0)
				}
				for i := range 3 {
					g := got.next(t)
					if want := fmt.Sprintf("%03d", i); g.key != want {
						t.Errorf("%s got the next turn but %d, want %s", g.key, i, want)
					}
					g.turn.Return(InProgress, 0)
				}
			})
		})
	}
}
