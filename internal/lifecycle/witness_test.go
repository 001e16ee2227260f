package lifecycle

import (
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// witness watches a life, and knows what was really said and done in it.
type witness struct {
	*testing.T
	*life
	facts

	class class
	// When each row was written, since the user, the clock or a restart interfered.
	writtenAt map[string]time.Time
}

// class is what a task is to somebody who waits for success, by what really happened. The
// numbers are those of test/gitops.
type class int

const (
	open  class = iota // Nothing is decided, and the operator goes on or will.
	good               // The request succeeded.
	ended              // It did not, or the cloud cannot tell; nothing more will happen.
)

func newWitness(t *testing.T) *witness {
	t.Helper()
	return &witness{T: t, life: newLife(), facts: facts{seen: map[clb.Problem]bool{}}, writtenAt: map[string]time.Time{}}
}

// fork returns a witness of what would become of the task.
func (w *witness) fork() *witness {
	life := *w.life
	life.task, life.written = w.task.DeepCopy(), nil
	return &witness{T: w.T, life: &life, facts: w.facts.fork(), class: w.class, writtenAt: maps.Clone(w.writtenAt)}
}

// interfered notes that more than the cloud and the time changed something.
func (w *witness) interfered() { clear(w.writtenAt) }

func (w *witness) restart() {
	w.life.restart()
	w.facts = facts{seen: map[clb.Problem]bool{}}
	w.interfered()
}

// cause says what ends a task now.
func (w *witness) cause(task *v1alpha1.CLBTask, begun time.Time) string {
	deadline, limited := w.deadline(task, begun, w.now)
	switch verdict := w.verdict(); {
	case verdict != nothing:
		return verdict
	case task.Spec.Suspend:
		return nothing
	case limited && !w.now.Before(deadline) && w.overdue(deadline, begun):
		return deadLine
	case w.refused(task, begun) && !w.mayForce():
		return refusal
	default:
		return nothing
	}
}

// observe observes a poll that no decision follows as yet, such as while writes stall.
func (w *witness) observe(o Observation, own bool) {
	w.track()
	w.life.observe(o, own)
	w.hear(o, own, w.now)
}

// track notes that the request is tracked from now on, if it is not.
func (w *witness) track() {
	if w.history.Begun.IsZero() {
		w.resumed = stage(w.task.Status) == "resumed" || w.task.Status.StartTime == nil && w.task.Status.APIRequestID != ""
	}
}

// step decides once, after a poll if there is one, and checks what came of it.
func (w *witness) step(o *Observation, own bool) {
	before := w.task.DeepCopy()
	if o != nil {
		w.observe(*o, own)
	}
	w.track()
	asked, mayForce, judged, begun := w.asks(), w.mayForce(), before, w.history.Begun
	resumes := w.resumes()
	if resumes {
		w.resume()
		judged, begun = before.DeepCopy(), w.now
		judged.Status.StartTime = nil
		if before.Status.Phase.Final() {
			judged.Status.APIRequestID = ""
		}
	}
	cause := w.cause(judged, begun)
	w.reconcile()
	w.checkWrite(before.Status)
	w.checkForced(before.Status, asked, mayForce)
	if before.Status.Phase.Final() && !resumes {
		w.checkFinal(before.Status)
	} else {
		w.class = map[string]class{nothing: open, answer0: good, answer1: ended, deadLine: ended, refusal: ended}[cause]
		w.checkReading(cause)
		w.checkUnfinished(before.Status)
	}
	if !w.last.Poll && !w.shared {
		w.forget()
	}
}

func (w *witness) claim(holds bool, sentence string) {
	if !holds {
		w.Helper()
		w.Fatalf("not so: %s: %s\nafter %q\nat %v, spec %+v, decided %+v", sentence, matrix.Row(w.task.Status), w.rows(), w.now.Sub(created), w.task.Spec, w.last)
	}
}

// checkWrite states what holds for every write, and for every step without one.
func (w *witness) checkWrite(before v1alpha1.CLBTaskStatus) {
	status := w.task.Status
	if !w.last.Changed {
		w.claim(equality.Semantic.DeepEqual(status, before), "what is not written is not changed")
		return
	}
	compared := status
	compared.APIRequestID = before.APIRequestID
	w.claim(!equality.Semantic.DeepEqual(compared, before), "what is written changes something")
	w.claim(rows[matrix.Row(status)], "a status is a row of the matrix")
	compared.LastHandledReconcileAt = before.LastHandledReconcileAt
	if equality.Semantic.DeepEqual(compared, before) {
		return // Nothing but the token is new.
	}
	w.checkOrder(before)
	w.claim(status.ObservedGeneration == w.task.Generation, "a status speaks of the present generation")
	w.claim((status.CompletionTime != nil) == status.Phase.Final(), "completion is set on every end and on none else")
	again := before.Phase == v1alpha1.PhaseUnknown || before.Phase == v1alpha1.PhaseSuspended || status.Phase == v1alpha1.PhaseSuspended
	w.claim(before.StartTime == nil || again || status.StartTime.Equal(before.StartTime), "a task starts once, and once more when it is resumed")
	w.claim(status.Phase != v1alpha1.PhaseSuspended || status.StartTime == nil, "a suspended task has not started")
	for _, c := range status.Conditions {
		w.claim(c.ObservedGeneration == w.task.Generation, "a condition speaks of the present generation")
		w.claim(c.Message != "" && c.LastTransitionTime.Unix() != 0, "a condition has a text and a time")
		old := meta.FindStatusCondition(before.Conditions, c.Type)
		kept := old != nil && old.Status == c.Status && old.LastTransitionTime.Unix() != 0
		w.claim(!kept || old.LastTransitionTime.Equal(&c.LastTransitionTime), "a transition time stays while the condition's status does")
		w.claim(kept || c.LastTransitionTime.Time.Equal(w.now), "a transition time is that of the transition")
	}
}

// checkOrder states what may follow what.
func (w *witness) checkOrder(before v1alpha1.CLBTaskStatus) {
	from, to := stage(before), stage(w.task.Status)
	if before.Phase == v1alpha1.PhaseUnknown && w.last.Force {
		from = "suspended" // It is resumed.
	}
	w.claim(from == to || slices.Contains(mayFollow[from], to), "a "+from+" task may become "+to)
	row := matrix.Row(w.task.Status)
	if row == matrix.Row(before) {
		return
	}
	last, again := w.writtenAt[row]
	w.claim(!again || w.now.Sub(last) >= 10*time.Second, "what is over is shown again only after it has lasted")
	w.writtenAt[row] = w.now
}

// checkEdited states what waiters make of a task whose spec has changed, before the
// operator has seen that.
func (w *witness) checkEdited() {
	if !w.task.Status.Phase.Final() { // A final status holds for every spec; kstatus waits for the generation.
		w.claim(!healthy(w.task) && !broken(w.task), "a task reads as unfinished while its change is not seen")
	}
}

// checkFinal states that an end is one.
func (w *witness) checkFinal(before v1alpha1.CLBTaskStatus) {
	now := *w.task.Status.DeepCopy()
	now.ObservedGeneration, now.LastHandledReconcileAt = before.ObservedGeneration, before.LastHandledReconcileAt
	for i := range now.Conditions {
		now.Conditions[i].ObservedGeneration = before.Conditions[i].ObservedGeneration
	}
	w.claim(equality.Semantic.DeepEqual(now, before), "nothing but the generation and the token of an end changes")
	waits := w.asks() && before.Phase == v1alpha1.PhaseUnknown && !w.task.Spec.Suspend
	w.claim(!w.last.Poll && !w.last.Expedite && (w.last.RequeueAfter != 0) == waits, "nothing is polled after the end")
}

// checkReading states what waiters make of a task that was unfinished before a step.
func (w *witness) checkReading(cause string) {
	status := w.task.Status
	w.claim(healthy(w.task) == (cause == answer0), "a task reads as healthy on an answer 0, and on that alone")
	switch cause {
	case answer1, deadLine:
		w.claim(broken(w.task) && status.Phase == v1alpha1.PhaseFailed, "a task reads as failed on an answer 1 and at its deadline")
	case refusal:
		w.claim(broken(w.task) && status.Phase == v1alpha1.PhaseUnknown, "a confirmed refusal ends the task as Unknown")
	default:
		w.claim(!broken(w.task), "a task reads as failed for a cause alone")
	}
	if cause != nothing && cause != refusal {
		w.claim(status.Conditions[0].Reason == cause, "the reason is the cause")
	}
	w.claim(status.Conditions[0].Type == "Ready" && status.Conditions[0].Status != metav1.ConditionUnknown, "Ready is never Unknown")
	w.claim(w.last.Poll == (cause == nothing && !w.task.Spec.Suspend), "a request is polled until the end of its task, but for suspensions")
	w.claim((status.Phase == v1alpha1.PhaseSuspended) == (cause == nothing && w.task.Spec.Suspend), "a suspended task reads so, and none else")
}

// checkUnfinished states what holds for a task that goes on.
func (w *witness) checkUnfinished(before v1alpha1.CLBTaskStatus) {
	if !w.last.Poll {
		return
	}
	status := w.task.Status
	runs := func(s v1alpha1.CLBTaskStatus) bool { return meta.FindStatusCondition(s.Conditions, "Running") != nil }
	w.claim(!runs(status) || w.answered() != nil || runs(before), "a task is in progress on an answer 2 alone")
	w.claim(runs(status) || w.answered() == nil, "a task that was answered 2 is in progress")
	reason := clb.Problem(status.Conditions[0].Reason)
	shown := matrix.Row(status) != matrix.Row(before)
	w.claim(!shown || !isProblem(reason) || w.seen[reason], "a problem is one that a poll failed with")

	deadline, limited := w.deadline(w.task, w.history.Begun, w.now)
	past := limited && !w.now.Before(deadline)
	w.claim(w.last.Expedite == (w.last.Force || past && !w.polledSince(deadline)), "the last poll is expedited until it is sent")
	again := w.last.RequeueAfter
	switch {
	case w.asks() && again > 0 && again <= 5*time.Second: // Until a poll may be forced.
	case w.history.beside == runLength && again > 0 && again <= besideFor: // Others speak for it then.
	case past:
		w.claim(again >= 10*time.Second && again <= 2*time.Minute, "after the deadline a task is reconciled again when it may end")
	case limited:
		w.claim(again == deadline.Sub(w.now), "a task is reconciled at its deadline")
	default:
		w.claim(again == 0, "a task without a deadline is reconciled for polls alone")
	}
}

func isProblem(p clb.Problem) bool { return slices.Contains(allProblems, p) }

var allProblems = slices.Concat(aboutRequest, endpointProblems, accountProblems)

// rows are those of the state matrix, and whether a life may come to each.
var rows = func() map[string]bool {
	all := map[string]bool{matrix.Pending: true, matrix.Running: true, matrix.Suspended: true, matrix.Succeeded: true, matrix.Failed: true, matrix.Expired: true}
	for _, p := range allProblems {
		all[matrix.PendingWith(p)], all[matrix.RunningWith(p)], all[matrix.UnknownWith(p)] = true, true, isAboutRequest(p)
	}
	return all
}()

// stage is how far a task has come, as far as the order of rows goes.
func stage(status v1alpha1.CLBTaskStatus) string {
	switch running := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionRunning); {
	case status.ObservedGeneration == -1:
		return "fresh"
	case status.Phase.Final():
		return "ended"
	case status.Phase == v1alpha1.PhaseSuspended:
		return "suspended"
	case running != nil:
		return "running" // With a problem or without.
	case status.Conditions[0].Reason == v1alpha1.ReasonPending:
		return "resumed"
	default:
		return "unanswered"
	}
}

// mayFollow is the legal order.
var mayFollow = map[string][]string{
	"fresh":      {"unanswered", "running", "suspended", "ended"},
	"resumed":    {"unanswered", "running", "suspended", "ended"},
	"unanswered": {"running", "suspended", "ended"},
	"running":    {"suspended", "ended"},
	"suspended":  {"resumed", "unanswered", "running", "ended"},
}
