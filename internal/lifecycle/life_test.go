package lifecycle

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

const grace = 2 * time.Minute

var (
	created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	policy  = Policy{NotFoundGrace: grace}
)

// life is a CLBTask as time, its user and the cloud go on, decided step by step as the
// operator does it.
type life struct {
	task    *v1alpha1.CLBTask
	now     time.Time
	history History
	health  Health
	last    Decision
	written []v1alpha1.CLBTaskStatus
	// shared says that another object names the same request, so that what is known of
	// it outlives a suspension of this one.
	shared bool
}

func newLife() *life { return &life{task: freshTask(), now: created} }

// freshTask is a task as the API server shows it before any status was written.
func freshTask() *v1alpha1.CLBTask {
	pending := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{
			Type: kind, Status: status, Reason: v1alpha1.ReasonPending,
			Message: "Waiting for the controller", LastTransitionTime: metav1.Unix(0, 0),
		}
	}
	return &v1alpha1.CLBTask{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CLBTask"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "life", Name: "create-web-lb", Generation: 1, CreationTimestamp: metav1.NewTime(created),
		},
		Spec: v1alpha1.CLBTaskSpec{RequestID: "55c85074-3e7f-4c6d-864f-673660d4f8de", Region: "ap-guangzhou"},
		Status: v1alpha1.CLBTaskStatus{
			ObservedGeneration: -1, Phase: v1alpha1.PhasePending,
			Conditions: []metav1.Condition{
				pending(v1alpha1.ConditionReady, metav1.ConditionFalse),
				pending(v1alpha1.ConditionSucceeded, metav1.ConditionUnknown),
			},
		},
	}
}

func (l *life) wait(d time.Duration) { l.now = l.now.Add(d) }

func (l *life) suspend(yes bool) {
	l.task.Spec.Suspend = yes
	l.task.Generation++
}

// pause suspends the task for some time.
func (l *life) pause(d time.Duration) {
	l.suspend(true)
	l.reconcile()
	l.wait(d)
	l.suspend(false)
	l.reconcile()
}

// trackForOther tracks the request for another object that names it.
func (l *life) trackForOther(d Decision) {
	other := freshTask()
	other.UID = "other"
	l.history, _ = l.history.Track(other, d, l.now)
}

func (l *life) limit(d time.Duration) {
	l.task.Spec.ActiveDeadlineSeconds = int64(d / time.Second)
	l.task.Generation++
}

// restart is what a new process of the operator knows: the object.
func (l *life) restart() { l.history, l.health = History{}, Health{} }

// reconcile decides. A request without a task to poll for is forgotten.
func (l *life) reconcile() {
	l.last = policy.Decide(l.task, l.history, l.health, l.now)
	l.task.Status = l.last.Status
	if l.last.Changed {
		l.written = append(l.written, l.last.Status)
	}
	if !l.last.Poll && !l.shared {
		l.history = History{}
	}
	if l.last.Poll {
		l.history, _ = l.history.Track(l.task, l.last, l.now)
	}
}

// observe observes a poll of the task's request, or of another one of the same account
// and region.
func (l *life) observe(o Observation, own bool) {
	l.history, _ = l.history.Track(l.task, Decision{}, l.now)
	if own {
		l.history = l.history.Observe(o, l.health, l.now)
	}
	l.health = l.health.Observe(o, l.now)
}

// poll observes a poll of the task's request, and decides.
func (l *life) poll(o Observation) { l.observe(o, true); l.reconcile() }

// around observes a poll of another request, and decides.
func (l *life) around(o Observation) { l.observe(o, false); l.reconcile() }

// pollFor polls every gap for some time, from now on.
func (l *life) pollFor(total, gap time.Duration, o Observation) {
	for end := l.now.Add(total); !l.now.After(end); l.wait(gap) {
		l.poll(o)
	}
	l.wait(-gap)
}

func (l *life) rows() []string {
	var rows []string
	for _, status := range l.written {
		rows = append(rows, matrix.Row(status))
	}
	return rows
}

// wrote checks the rows that were written so far.
func (l *life) wrote(t *testing.T, want ...string) {
	t.Helper()
	if got, want := strings.Join(l.rows(), "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
}

func (l *life) text() string { return l.task.Status.Conditions[0].Message }

func answer(state clb.State) Observation {
	return Observation{Status: clb.TaskStatus{State: state, RequestID: "call-1"}}
}

func failure(p clb.Problem) Observation {
	return Observation{Err: &clb.Error{Problem: p, Code: "Code." + string(p), Message: "as the API says", RequestID: "call-1"}}
}

// The observations that most tests use.
var (
	busy         = answer(clb.InProgress)
	success      = answer(clb.Succeeded)
	failed       = answer(clb.Failed)
	unreachable  = failure(clb.ProblemAPIUnreachable)
	unavailable  = failure(clb.ProblemAPIUnavailable)
	throttled    = failure(clb.ProblemThrottled)
	denied       = failure(clb.ProblemAccessDenied)
	rejected     = failure(clb.ProblemCredentialsRejected)
	untrusted    = failure(clb.ProblemCertificateUntrusted)
	notFound     = failure(clb.ProblemTaskNotFound)
	noSuchRegion = failure(clb.ProblemInvalidRegion)
)
