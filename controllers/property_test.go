package controllers

import (
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The property: whatever the API says, the user asks for and the clock does, no
// waiter ever reads a task as healthy unless the API answered 0 for it, and none
// reads it as failed unless the API answered 1, it refused the question for
// good, or the deadline passed. A status is always a row of the state matrix,
// is written only where that changes it, and is final once it is.

// rows are the state matrix, restated.
var rows = func() map[string]bool {
	all := map[string]bool{resumed: true, inProgress: true, suspended: true, succeeded: true, failed: true, expired: true}
	for _, problem := range clb.Problems() {
		reason := string(problem)
		all[pendingWith(reason)], all[runningWith(reason)], all[unknownWith(reason)] = true, true, true
	}
	return all
}()

// kstatus restates what Flux, Helm and kpt read in a custom resource:
// sigs.k8s.io/cli-utils/pkg/kstatus/status, Compute of core.go with the rules of
// generic.go (checkGenericProperties) and status.go (checkReadyCondition).
func kstatus(task *v1alpha1.CLBTask) string {
	if task.Status.ObservedGeneration != task.Generation {
		return "InProgress"
	}
	for _, c := range task.Status.Conditions {
		if c.Type == "Reconciling" && c.Status == metav1.ConditionTrue {
			return "InProgress"
		}
		if c.Type == "Stalled" && c.Status == metav1.ConditionTrue {
			return "Failed"
		}
	}
	if ready := meta.FindStatusCondition(task.Status.Conditions, "Ready"); ready != nil && ready.Status != metav1.ConditionTrue {
		return "InProgress"
	}
	return "Current" // Also where no condition is known: a false green.
}

// healthy reports whether any waiter takes the task for done and well: kstatus,
// kubectl wait and Tekton by condition, Argo Workflows by phase, Crossplane where
// all conditions are True.
func healthy(task *v1alpha1.CLBTask) bool {
	all := true
	for _, c := range task.Status.Conditions {
		all = all && c.Status == metav1.ConditionTrue
	}
	is := func(kind string) bool { return meta.IsStatusConditionTrue(task.Status.Conditions, kind) }
	return all || kstatus(task) == "Current" || is("Ready") || is("Succeeded") || task.Status.Phase == v1alpha1.PhaseSucceeded
}

// broken reports whether any waiter takes the task for done and not well.
func broken(task *v1alpha1.CLBTask) bool {
	is := func(kind string) bool { return meta.IsStatusConditionTrue(task.Status.Conditions, kind) }
	return kstatus(task) == "Failed" || is("Failed") || is("Stalled") || meta.IsStatusConditionFalse(task.Status.Conditions, "Succeeded") ||
		task.Status.Phase == v1alpha1.PhaseFailed || task.Status.Phase == v1alpha1.PhaseUnknown
}

// What may end a task in a step.
const (
	nothing  = ""
	answer0  = v1alpha1.ReasonTaskSucceeded
	answer1  = v1alpha1.ReasonTaskFailed
	deadLine = v1alpha1.ReasonDeadlineExceeded
	refusal  = "refused for good"
)

// witness watches a life, and knows what was really said and done in it.
type witness struct {
	*testing.T
	*life
	ran      bool // The API answered 2 since the last suspension.
	refusals int  // Questions without an answer since the last one with.
}

// cause says what may end the task in a step that brings an observation, or nil.
func (w *witness) cause(o *Observation) string {
	due := created.Add(time.Duration(w.task.Spec.ActiveDeadlineSeconds) * time.Second)
	switch {
	case o != nil && o.Err == nil && o.Answer.State == clb.Succeeded:
		return answer0
	case o != nil && o.Err == nil && o.Answer.State == clb.Failed:
		return answer1
	case w.task.Spec.Suspend:
		return nothing
	case w.task.Spec.ActiveDeadlineSeconds > 0 && !w.now.Before(due):
		return deadLine
	case o != nil && o.Err != nil && (o.Err.Class == clb.Permanent || o.Err.Patience == clb.TenInARow && w.refusals >= refusedCount-1):
		return refusal
	default:
		return nothing
	}
}

// step decides once and checks what came of it.
func (w *witness) step(o *Observation) {
	before, cause := w.task.DeepCopy(), w.cause(o)
	if o == nil {
		w.stand()
	} else {
		w.see(*o)
	}
	switch {
	case w.last.Again == WhenResumed:
		w.ran, w.refusals = false, 0
	case o != nil && o.Err == nil:
		w.ran, w.refusals = true, 0
	case o != nil:
		w.refusals++
	}
	w.checkWrite(before.Status)
	if before.Status.Phase.Final() {
		w.checkFinal(before.Status)
		return
	}
	w.checkReading(cause)
}

func (w *witness) claim(holds bool, sentence string) {
	w.Helper()
	if !holds {
		w.Fatalf("not so: %s: %s\nafter %v\nat %v, spec %+v", sentence, shown(w.task.Status), w.written, w.now.Sub(created), w.task.Spec)
	}
}

// checkWrite states what holds for every write, and for every step without one.
func (w *witness) checkWrite(before v1alpha1.CLBTaskStatus) {
	w.Helper()
	status := w.task.Status
	if !w.last.Changed {
		w.claim(equality.Semantic.DeepEqual(status, before), "what is not written is not changed")
		return
	}
	compared := status
	compared.APIRequestID = before.APIRequestID
	w.claim(!equality.Semantic.DeepEqual(compared, before), "what is written changes something")
	w.claim(rows[shown(status)], "a status is a row of the matrix")
	w.claim(status.ObservedGeneration == w.task.Generation, "a status speaks of the present generation")
	w.claim((status.CompletionTime != nil) == status.Phase.Final(), "completion is set on every end and on none else")
	for _, c := range status.Conditions {
		w.claim(c.ObservedGeneration == w.task.Generation, "a condition speaks of the present generation")
		w.claim(c.Message != "" && c.LastTransitionTime.Unix() != 0, "a condition has a text and a time")
	}
}

// checkFinal states that an end is one.
func (w *witness) checkFinal(before v1alpha1.CLBTaskStatus) {
	w.Helper()
	now := *w.task.Status.DeepCopy()
	now.ObservedGeneration = before.ObservedGeneration
	for i := range now.Conditions {
		now.Conditions[i].ObservedGeneration = before.Conditions[i].ObservedGeneration
	}
	w.claim(equality.Semantic.DeepEqual(now, before), "nothing but the generation of an end changes")
	w.claim(!w.last.Changed || !news(before, w.task.Status), "an end is told once")
	w.claim(w.last.Again == Never, "nothing is asked after the end")
}

// checkReading states what waiters make of an unfinished task after a step.
func (w *witness) checkReading(cause string) {
	w.Helper()
	status := w.task.Status
	reason := status.Conditions[0].Reason
	w.claim(healthy(w.task) == (cause == answer0), "a task reads as healthy on an answer 0, and on that alone")
	switch cause {
	case answer1, deadLine:
		w.claim(broken(w.task) && status.Phase == v1alpha1.PhaseFailed, "a task reads as failed on an answer 1 and at its deadline")
	case refusal:
		w.claim(broken(w.task) == (status.Phase == v1alpha1.PhaseUnknown), "a refusal leaves the outcome unknown")
	default:
		w.claim(!broken(w.task), "a task reads as failed for a cause alone")
	}
	if cause != nothing && cause != refusal {
		w.claim(reason == cause, "the reason is the cause")
	}
	w.claim((w.last.Again == Never) == status.Phase.Final(), "a task is asked about until its end")
	w.claim((w.last.Again == WhenResumed) == (status.Phase == v1alpha1.PhaseSuspended), "a suspended task reads so, and none else")
	w.claim(w.ran || meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRunning) == nil, "a task is in progress on an answer 2 alone")
}

// again checks that a cause that repeats is told at most once more: an error that
// asks for patience runs out of it once.
func (w *witness) again(o *Observation) {
	copied := *w.life
	copied.task, copied.written = w.task.DeepCopy(), nil
	repeated := &witness{T: w.T, life: &copied, ran: w.ran, refusals: w.refusals}
	for range refusedCount {
		repeated.step(o)
	}
	w.claim(len(copied.written) <= 1, "the same cause is told once")
	copied.written = nil
	for range refusedCount {
		repeated.step(o)
	}
	w.claim(len(copied.written) == 0, "what was told is not told again")
}

// observation reads anything that internal/clb may return from a byte or two.
func observation(kind, detail byte) *Observation {
	if kind%3 == 0 {
		return new(answered(clb.State(detail % 3)))
	}
	problems := clb.Problems()
	return new(failing(clb.Class(detail%4), problems[int(kind)%len(problems)], clb.Patience(detail/4%4)))
}

// play follows a script: three bytes are a step of a task's life.
func play(t *testing.T, script []byte) {
	t.Helper()
	w := &witness{T: t, life: newLife()}
	const after = 6 // So many steps after the end are enough.
	for left := after; len(script) >= 3 && left > 0; script = script[3:] {
		kind, detail := script[1], script[2]
		var o *Observation
		switch script[0] % 8 {
		case 0:
			w.wait(time.Duration(kind) * time.Duration(detail) * 100 * time.Millisecond)
		case 1:
			w.wait(-time.Duration(detail) * time.Second) // A clock that is put back.
		case 2:
			w.suspend(!w.task.Spec.Suspend)
		case 3:
			w.limit(int64(kind%2) * int64(detail) * 20)
		case 4:
			w.last.Streak, w.refusals = Streak{}, 0 // A restart.
		default:
			o = observation(kind, detail)
		}
		if o == nil && script[0]%16 >= 8 {
			continue // The next step comes before Reconcile does.
		}
		w.step(o)
		if w.task.Status.Phase.Final() {
			left--
			continue
		}
		w.again(o)
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
	const answer, unreachable = 0, 2 // An answer, and clb.ProblemAPIUnreachable.
	f.Add([]byte{see, answer, 2, see, answer, 0})
	f.Add([]byte{see, answer, 2, suspend, 0, 0, see, answer, 1, suspend, 0, 0})
	f.Add([]byte{limit, 1, 3, see, unreachable, 0, wait, 60, 10, see, answer, 2, suspend, 0, 0, see, answer, 0})
	f.Add([]byte{limit, 1, 3, suspend, 0, 0, wait, 200, 200, suspend, 0, 0, limit, 0, 0, back, 0, 9})
	f.Add([]byte{suspend, 0, 0, 8 + suspend, 0, 0, see, 7, 2, see, answer, 0})
	f.Add([]byte{see, unreachable, 12, wait, 200, 200, restart, 0, 0, see, unreachable, 12, wait, 200, 200, see, unreachable, 12})
	f.Fuzz(play)
}
