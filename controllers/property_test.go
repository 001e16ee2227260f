package controllers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The property: whatever the API says, the user asks for and the clock does, no
// waiter ever reads a task as healthy unless the API answered 0 for it, and none
// reads it as failed unless the API answered 1, it refused the question for
// good, or the deadline passed. A status is always a row of the state matrix,
// is written only where that changes it, and is final once it is.

// failures are what internal/clb may return instead of an answer.
var failures = []Observation{
	failing(clb.Throttle, clb.ProblemThrottled, clb.None),
	failing(clb.Soon, clb.ProblemAPIUnavailable, clb.None),
	failing(clb.Soon, clb.ProblemAPIUnavailable, clb.TenInARow),
	failing(clb.Soon, clb.ProblemAPIUnreachable, clb.None),
	failing(clb.Configuration, clb.ProblemAPIUnreachable, clb.None), // A certificate.
	failing(clb.Soon, clb.ProblemUnexpectedAnswer, clb.None),
	failing(clb.Configuration, clb.ProblemCredentialsMissing, clb.None),
	failing(clb.Configuration, clb.ProblemCredentialsRejected, clb.None),
	failing(clb.Configuration, clb.ProblemCredentialsRejected, clb.OnceMore),
	failing(clb.Configuration, clb.ProblemClockSkew, clb.OnceMore),
	failing(clb.Configuration, clb.ProblemAccessDenied, clb.None),
	failing(clb.Configuration, clb.ProblemEndpointRefused, clb.None),
	failing(clb.Configuration, clb.ProblemInvalidRegion, clb.None), // At a custom endpoint.
	failing(clb.Permanent, clb.ProblemInvalidRegion, clb.None),
	failing(clb.Permanent, clb.ProblemTaskNotFound, clb.NotFoundGrace),
	failing(clb.Permanent, clb.ProblemInvalidRequest, clb.None),
}

// rows are the state matrix, restated.
var rows = func() map[string]bool {
	all := map[string]bool{resumed: true, inProgress: true, suspended: true, succeeded: true, failed: true, expired: true}
	for _, f := range failures {
		reason := string(f.Err.Problem)
		switch {
		case f.Err.Patience == clb.TenInARow:
			all[unknownWith(string(clb.ProblemQueryRefused))] = true
		case f.Err.Class == clb.Permanent:
			all[unknownWith(reason)] = true
		}
		if f.Err.Class != clb.Permanent || f.Err.Patience == clb.NotFoundGrace {
			all[pendingWith(reason)], all[runningWith(reason)] = true, true
		}
	}
	return all
}()

// again checks that a cause that goes on is told once, and once more where the
// user has changed the spec meanwhile; and that it may end the task.
func (w *witness) again(o *Observation) {
	repeated := w.fork()
	most := 1
	if w.task.Status.ObservedGeneration != w.task.Generation {
		most = 2
	}
	for gap := time.Second; gap < time.Hour; gap += gap / 4 {
		repeated.wait(gap)
		repeated.step(o)
	}
	if repeated.task.Status.Phase.Final() {
		most++
	}
	w.claim(len(repeated.written) <= most, fmt.Sprint("the same cause is told once: ", repeated.written))
}

// inTurn checks that two causes that take turns are told as the witness claims.
func (w *witness) inTurn(a, b *Observation) {
	turns := w.fork()
	for range 40 {
		for _, o := range []*Observation{a, b} {
			turns.wait(3 * time.Second)
			turns.step(o)
		}
	}
}

// fork returns a witness of what would become of the task.
func (w *witness) fork() *witness {
	other, life := *w, *w.life
	life.task, life.written = w.task.DeepCopy(), nil
	other.life, other.told = &life, maps.Clone(w.told)
	return &other
}

// observation reads anything that internal/clb may return from two bytes.
func observation(kind, detail byte) *Observation {
	if kind%3 == 0 {
		return new(answered(clb.State(detail % 3)))
	}
	failure := *failures[int(kind/3)%len(failures)].Err
	failure.Code += []string{"", ".Other"}[detail%2]
	return &Observation{Err: &failure}
}

// play follows a script: three bytes are a step of a task's life.
func play(t *testing.T, script []byte) {
	t.Helper()
	w := newWitness(t)
	last := observation(0, 2)
	const after = 6 // So many steps after the end are enough.
	for left := after; len(script) >= 3 && left > 0; script = script[3:] {
		kind, detail := script[1], script[2]
		var o *Observation
		switch script[0] % 8 {
		case 0:
			w.wait(time.Duration(kind) * time.Duration(detail) * 100 * time.Millisecond)
		case 1:
			w.wait(-time.Duration(detail) * time.Second) // A clock that is put back.
			w.interrupted()
		case 2:
			w.suspend(!w.task.Spec.Suspend)
			w.interrupted()
		case 3:
			w.limit(int64(kind%2) * int64(detail) * 20)
			w.interrupted()
		case 4:
			w.last.Streak = Streak{} // A restart.
			w.forgot()
		default:
			o = observation(kind, detail)
		}
		if o == nil && script[0]%16 >= 8 {
			w.checkEdited()
			continue // The next step comes before Reconcile does.
		}
		w.step(o)
		if w.task.Status.Phase.Final() {
			left--
			continue
		}
		w.again(o)
		if o != nil {
			w.inTurn(o, last)
			last = o
		}
	}
}

func TestNoWaiterIsEverMisled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		script := make([]byte, 3*(1+rng.IntN(60)))
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		play(t, script)
	}
}

func FuzzNoWaiterIsEverMisled(f *testing.F) {
	const wait, back, suspend, limit, restart, see = 0, 1, 2, 3, 4, 5
	const answer, throttled, refused, unreachable, denied, unknown = 0, 1, 7, 10, 31, 43
	f.Add([]byte{see, answer, 2, see, answer, 0})
	f.Add([]byte{see, answer, 2, suspend, 0, 0, see, answer, 1, suspend, 0, 0})
	f.Add([]byte{limit, 1, 3, see, unreachable, 0, wait, 60, 10, see, answer, 2, suspend, 0, 0, see, answer, 0})
	f.Add([]byte{limit, 1, 3, suspend, 0, 0, wait, 200, 200, suspend, 0, 0, limit, 0, 0, back, 0, 9})
	f.Add([]byte{suspend, 0, 0, 8 + suspend, 0, 0, see, unknown, 2, see, answer, 0})
	f.Add([]byte{see, refused, 12, wait, 200, 200, restart, 0, 0, see, refused, 12, wait, 200, 200, see, refused, 12})
	f.Add([]byte{see, answer, 2, see, throttled, 0, wait, 10, 20, see, throttled, 0, see, denied, 0, see, denied, 1, see, answer, 2})
	f.Fuzz(play)
}

func TestWhatComesAndGoesIsToldSeldom(t *testing.T) {
	for sentence, failure := range map[string]Observation{
		"throttled":   failing(clb.Throttle, clb.ProblemThrottled, clb.None),
		"unreachable": failing(clb.Soon, clb.ProblemAPIUnreachable, clb.None),
		"denied":      failing(clb.Configuration, clb.ProblemAccessDenied, clb.None),
	} {
		for share := 5; share < 100; share += 5 {
			t.Run(fmt.Sprintf("%d %% of the questions are answered, the others are %s", share, sentence), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(share)))
				l := newLife()
				for l.see(answered(clb.InProgress)); l.now.Sub(created) < time.Hour; {
					o := failure
					if rng.IntN(100) < share {
						o = answered(clb.InProgress)
					}
					l.see(o)
					l.wait(map[Again]time.Duration{ByAge: 5 * time.Second, AfterSoon: 5 * time.Second, AfterConfiguration: configurationBase}[l.last.Again])
				}
				if len(l.written) > 25 {
					t.Errorf("%d writes in an hour", len(l.written))
				}
			})
		}
	}
}
