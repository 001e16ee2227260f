package controllers

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

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
	ran bool // The API answered 2 since the last suspension.

	// The code of the last failures in a row, throttled ones aside.
	code      string
	count     int
	codeSince time.Time
	// When each row was written, since the user or the clock last interfered.
	told map[string]time.Time
}

func newWitness(t *testing.T) *witness {
	return &witness{T: t, life: newLife(), told: map[string]time.Time{}}
}

// interrupted notes that more than the cloud and the time changed something.
func (w *witness) interrupted() { clear(w.told) }

// forgot notes that what was seen of the cloud so far counts no more.
func (w *witness) forgot() { w.code, w.count = "", 0 }

// hear notes an observation.
func (w *witness) hear(o Observation) {
	switch {
	case o.Err == nil:
		w.forgot()
	case o.Err.Class == clb.Throttle:
	case o.Err.Code != w.code:
		w.code, w.count, w.codeSince = o.Err.Code, 1, w.now
	default:
		w.count++
	}
}

// refused reports whether the API, with this observation, refuses for good: what the
// classes of internal/clb mean, restated.
func (w *witness) refused(o Observation) bool {
	switch {
	case o.Err == nil:
		return false
	case o.Err.Patience == clb.NotFoundGrace:
		return w.now.Sub(created) >= policy.NotFoundGrace
	case o.Err.Patience == clb.TenInARow:
		return w.count >= 10 && w.now.Sub(w.codeSince) >= 10*time.Minute
	default:
		return o.Err.Class == clb.Permanent
	}
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
	case o != nil && w.refused(*o):
		return refusal
	default:
		return nothing
	}
}

// step decides once and checks what came of it.
func (w *witness) step(o *Observation) {
	before := w.task.DeepCopy()
	if o != nil {
		w.hear(*o)
	}
	cause := w.cause(o)
	if o == nil {
		w.stand()
	} else {
		w.see(*o)
	}
	switch {
	case w.last.Again == WhenResumed:
		w.ran = false
		w.forgot()
	case o != nil && o.Err == nil:
		w.ran = true
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
	w.checkStep(before)
	w.claim(status.ObservedGeneration == w.task.Generation, "a status speaks of the present generation")
	w.claim((status.CompletionTime != nil) == status.Phase.Final(), "completion is set on every end and on none else")
	for _, c := range status.Conditions {
		w.claim(c.ObservedGeneration == w.task.Generation, "a condition speaks of the present generation")
		w.claim(c.Message != "" && c.LastTransitionTime.Unix() != 0, "a condition has a text and a time")
	}
}

// checkStep states what may follow what.
func (w *witness) checkStep(before v1alpha1.CLBTaskStatus) {
	w.Helper()
	from, to := stage(before), stage(w.task.Status)
	w.claim(from == to || slices.Contains(next[from], to), "a "+from+" task may become "+to)
	row := shown(w.task.Status)
	if row == shown(before) {
		return
	}
	last, again := w.told[row]
	w.claim(!again || w.now.Sub(last) >= lastingAfter, "what is over is told again only when it has lasted")
	w.told[row] = w.now
}

// checkEdited states what waiters make of a task whose spec has changed, before
// the operator has seen that.
func (w *witness) checkEdited() {
	w.Helper()
	if w.task.Status.Phase.Final() {
		return // Its outcome holds for every spec; kstatus waits for the generation.
	}
	w.claim(!healthy(w.task) && !broken(w.task), "a task reads as unfinished while its change is not seen")
}

// stage is where a task stands on its way, as far as the order of rows goes.
func stage(status v1alpha1.CLBTaskStatus) string {
	switch running := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRunning); {
	case status.ObservedGeneration == -1:
		return "fresh"
	case status.Phase.Final():
		return "ended"
	case status.Phase == v1alpha1.PhaseSuspended:
		return "suspended"
	case running != nil && status.Conditions[0].Reason == v1alpha1.ReasonInProgress:
		return "running"
	case running != nil:
		return "troubled"
	case status.Conditions[0].Reason == v1alpha1.ReasonPending:
		return "resumed"
	default:
		return "unanswered"
	}
}

// next is the legal order.
var next = map[string][]string{
	"fresh":      {"unanswered", "running", "suspended", "ended"},
	"resumed":    {"unanswered", "running", "suspended", "ended"},
	"unanswered": {"running", "suspended", "ended"},
	"running":    {"troubled", "suspended", "ended"},
	"troubled":   {"running", "suspended", "ended"},
	"suspended":  {"resumed", "unanswered", "running", "ended"},
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
		w.claim(broken(w.task) && status.Phase == v1alpha1.PhaseUnknown, "a refusal for good ends the task, its outcome unknown")
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
