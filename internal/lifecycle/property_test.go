package lifecycle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// The property: no matter what the API says, the user asks for and the clocks do, no waiter
// reads a task as healthy unless the API answered 0 for it, and none reads it as
// failed unless the API answered 1, its refusal was confirmed, or the deadline stands. A
// status is always a row of the state matrix, is written only if that changes it, and is
// final once it is.

// observation reads anything that internal/clb may return from two bytes.
func observation(kind, detail byte) Observation {
	if kind%4 == 0 {
		return answer(clb.State([]byte{2, 0, 2, 1, 2, 2, 2, 2}[detail%8]))
	}
	o := failure(allProblems[int(kind/4)%len(allProblems)])
	o.Err.Code += []string{"", ".Other"}[detail%2]
	return o
}

// The kinds of steps of a script.
const (
	stepWait byte = iota
	stepBack      // Or a new value of the annotation.
	stepSuspend
	stepLimit
	stepRestart
	stepAround
	stepPoll // And all above.
	// stepUnseen is added to a step that the operator does not see before the next one.
	stepUnseen = 8
)

// play follows a script: three bytes are a step of a task's life. After each it shows
// the witness, the last observation, and whether the operator has looked since.
func play(t *testing.T, script []byte, show func(w *witness, o *Observation, own, looked bool)) {
	t.Helper()
	w := newWitness(t)
	const after = 6 // So many steps after the end are enough.
	for left := after; len(script) >= 3 && left > 0; script = script[3:] {
		step, kind, detail := script[0]%8, script[1], script[2]
		seen := script[0]%16 < stepUnseen
		switch {
		case step >= stepAround && seen:
			w.polls(observation(kind, detail), detail, step != stepAround, show)
		case step >= stepAround:
			w.observe(observation(kind, detail), step != stepAround)
		default:
			w.live(step, kind, detail)
			if seen {
				w.step(nil, false)
			} else {
				w.checkEdited()
			}
			show(w, nil, false, seen)
		}
		if w.task.Status.Phase.Final() {
			left--
		}
	}
}

// polls observes up to eight polls in a row.
func (w *witness) polls(o Observation, detail byte, own bool, show func(*witness, *Observation, bool, bool)) {
	gap := []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 30 * time.Second}[detail>>6]
	for range 1 + detail>>3&7 {
		w.step(&o, own)
		show(w, &o, own, true)
		w.wait(gap)
	}
}

// live lets something happen beside polls.
func (w *witness) live(step, kind, detail byte) {
	switch step {
	case stepWait:
		w.wait(time.Duration(kind) * time.Duration(detail) * 100 * time.Millisecond)
		return
	case stepBack:
		if kind%4 == 1 {
			w.annotate(strconv.Itoa(int(detail % 8)))
			break
		}
		w.wait(-time.Duration(detail) * time.Second) // A clock that is put back.
	case stepSuspend:
		w.suspend(!w.task.Spec.Suspend)
		w.shared = kind%4 == 3 || w.shared && kind%4 != 2
	case stepLimit:
		w.limit(time.Duration(kind%4) * time.Duration(detail) * 10 * time.Second)
	case stepRestart:
		w.restart()
	}
	w.interfered()
}

// again checks that a cause that goes on is written at most once for each of the three
// trends (request, region, account), and that no text is written twice.
func (w *witness) again(o *Observation, own bool) {
	repeated := w.fork()
	for gap := time.Second; gap < time.Hour; gap += gap / 4 {
		repeated.wait(gap)
		repeated.step(o, own)
	}
	var texts []string
	token := w.task.Status.LastHandledReconcileAt
	for _, status := range repeated.written {
		text := matrix.Row(status) + ": " + status.Conditions[0].Message
		if status.LastHandledReconcileAt == token || !slices.Contains(texts, text) { // A token is named once, beside the same text.
			texts = append(texts, text)
		}
		token = status.LastHandledReconcileAt
	}
	written := len(texts)
	most := 3
	if repeated.task.Status.Phase.Final() {
		most++
	}
	if w.task.Status.ObservedGeneration != w.task.Generation {
		most++
	}
	if w.asks() {
		most += 2 // It is reopened, and may end again.
	}
	slices.Sort(texts)
	w.claim(len(texts) <= most && len(slices.Compact(texts)) == written, fmt.Sprintf("the same cause is written once: %q", texts))
}

// inTurn checks what the witness claims while two causes take turns.
func (w *witness) inTurn(a, b *Observation) {
	turns := w.fork()
	for range 20 {
		for _, o := range []*Observation{a, b} {
			turns.wait(3 * time.Second)
			turns.step(o, true)
		}
	}
}

// explore plays a script, and looks ahead after each step, and after the first poll of each series.
func explore(t *testing.T, script []byte) {
	t.Helper()
	last := new(busy)
	play(t, script, func(w *witness, o *Observation, own, looked bool) {
		if !looked || w.task.Status.Phase.Final() || o == last {
			return
		}
		w.again(o, own)
		if o != nil {
			w.inTurn(o, last)
			last = o
		}
	})
}

func randomScript(rng *rand.Rand) []byte {
	script := make([]byte, 3*(1+rng.IntN(60)))
	for i := range script {
		script[i] = byte(rng.Uint32())
	}
	return script
}

// No waiter is misled by any life.
func TestProperty(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		explore(t, randomScript(rng))
	}
}

// No waiter is misled by any life.
func FuzzProperty(f *testing.F) {
	about := func(p clb.Problem) byte { return byte(4*slices.Index(allProblems, p) + 1) }
	const inProgress, succeeded, failed, eight, every30s = 0, 1, 3, 7 << 3, 3 << 6
	notFound, denied, unreachable := about(clb.ProblemTaskNotFound), about(clb.ProblemAccessDenied), about(clb.ProblemAPIUnreachable)
	f.Add([]byte{stepPoll, 0, inProgress, stepPoll, 0, succeeded, stepPoll, 0, failed})
	f.Add([]byte{stepPoll, 0, inProgress, stepSuspend, 3, 0, stepAround, 0, 0, stepSuspend + stepUnseen, 0, 0, stepPoll, 0, failed})
	f.Add([]byte{stepLimit, 1, 30, stepPoll, unreachable, eight, stepWait, 200, 20, stepPoll, unreachable, eight | every30s})
	f.Add([]byte{stepLimit, 1, 30, stepPoll, 0, inProgress, stepWait, 200, 20, stepAround, denied, eight | every30s, stepPoll, 0, succeeded})
	f.Add([]byte{stepLimit, 1, 30, stepSuspend, 0, 0, stepWait, 200, 200, stepSuspend, 0, 0, stepLimit, 0, 0, stepBack, 0, 9})
	f.Add([]byte{stepPoll, notFound, eight | every30s, stepPoll, 0, succeeded})
	f.Add([]byte{stepPoll, 0, inProgress, stepPoll, notFound, eight | every30s, stepRestart, 0, 0, stepPoll, notFound, eight | every30s, stepWait, 100, 100, stepPoll, notFound, 0})
	f.Add([]byte{stepPoll, denied, eight, stepAround, unreachable, eight, stepPoll, denied + 1, eight | 1, stepPoll, 0, eight | every30s})
	f.Fuzz(explore)
}

// skipStatistics skips a test of many lives beside the race detector: nothing here runs in
// parallel with itself.
func skipStatistics(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it plays many lives: see the Makefile")
	}
}
