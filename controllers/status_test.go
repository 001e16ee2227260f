package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

var (
	created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	policy  = Policy{NotFoundGrace: 2 * time.Minute}
)

func answered(state clb.State) Observation {
	return Observation{Answer: clb.Answer{State: state, RequestID: "api-1"}}
}

func failing(class clb.Class, problem clb.Problem, patience clb.Patience) Observation {
	return Observation{Err: &clb.Error{Class: class, Problem: problem, Patience: patience, Code: "Code." + string(problem), RequestID: "api-1"}}
}

// seen is an observation some time after the task's creation.
type seen struct {
	at time.Duration
	Observation
}

func every(gap time.Duration, n int, o Observation) []seen {
	var all []seen
	for i := range n {
		all = append(all, seen{time.Duration(i) * gap, o})
	}
	return all
}

// live is a task as the API server shows it before any status was written.
func live() *v1alpha1.CLBTask {
	pending := func(kind string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown, Reason: "Pending", LastTransitionTime: metav1.Unix(0, 0)}
	}
	return &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Generation: 1, CreationTimestamp: metav1.NewTime(created)},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou"},
		Status: v1alpha1.CLBTaskStatus{
			ObservedGeneration: -1, Phase: v1alpha1.PhasePending,
			Conditions: []metav1.Condition{pending("Ready"), pending("Succeeded")},
		},
	}
}

// follow runs observations through Decide and returns the last decision and the
// rows that were written.
func follow(task *v1alpha1.CLBTask, observations []seen) (Decision, []string) {
	var written []string
	decision := Decision{Status: task.Status}
	for _, o := range observations {
		decision = policy.Decide(task, o.Observation, decision.Streak, created.Add(o.at))
		task.Status = decision.Status
		if decision.Changed {
			written = append(written, shown(task.Status))
		}
	}
	return decision, written
}

func shown(status v1alpha1.CLBTaskStatus) string {
	cells := []string{string(status.Phase) + ":"}
	for _, c := range status.Conditions {
		cells = append(cells, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(cells, " ")
}

const (
	inProgress = "Running: Ready=False/InProgress Succeeded=Unknown/InProgress Running=True/InProgress Reconciling=True/InProgress"
	succeeded  = "Succeeded: Ready=True/TaskSucceeded Succeeded=True/TaskSucceeded"
	failed     = "Failed: Ready=False/TaskFailed Succeeded=False/TaskFailed Failed=True/TaskFailed Stalled=True/TaskFailed"
)

func pendingWith(reason string) string {
	return fmt.Sprintf("Pending: Ready=False/%[1]s Succeeded=Unknown/%[1]s Reconciling=True/%[1]s", reason)
}

func runningWith(reason string) string {
	return fmt.Sprintf("Running: Ready=False/%[1]s Succeeded=Unknown/%[1]s Running=True/InProgress Reconciling=True/%[1]s", reason)
}

func unknownWith(reason string) string {
	return fmt.Sprintf("Unknown: Ready=False/%[1]s Succeeded=Unknown/%[1]s Stalled=True/%[1]s", reason)
}

func TestDecide(t *testing.T) {
	busy := answered(clb.InProgress)
	unreachable := failing(clb.Soon, clb.ProblemAPIUnreachable, clb.None)
	unavailable := failing(clb.Soon, clb.ProblemAPIUnavailable, clb.None)
	throttled := failing(clb.Throttle, clb.ProblemThrottled, clb.None)
	denied := failing(clb.Configuration, clb.ProblemAccessDenied, clb.None)
	rejected := failing(clb.Configuration, clb.ProblemCredentialsRejected, clb.None)
	notFound := failing(clb.Permanent, clb.ProblemTaskNotFound, clb.NotFoundGrace)
	skewed := failing(clb.Configuration, clb.ProblemClockSkew, clb.OnceMore)
	refused := failing(clb.Soon, clb.ProblemAPIUnavailable, clb.TenInARow)
	region := failing(clb.Permanent, clb.ProblemInvalidRegion, clb.None)
	for sentence, test := range map[string]struct {
		seen  []seen
		want  []string
		again Again
	}{
		"a task in progress is written once, however often it is asked": {
			every(time.Second, 50, busy), []string{inProgress}, ByAge,
		},
		"a task that finished before it was first asked costs one write": {
			every(0, 1, answered(clb.Succeeded)), []string{succeeded}, Never,
		},
		"a task in progress that then fails costs two writes": {
			[]seen{{0, busy}, {time.Second, answered(clb.Failed)}}, []string{inProgress, failed}, Never,
		},
		"a hiccup is not shown": {
			[]seen{{0, busy}, {time.Second, unreachable}, {9 * time.Second, unreachable}, {10 * time.Second, busy}}, []string{inProgress}, ByAge,
		},
		"a problem that lasts is shown once, with the last known state": {
			append([]seen{{0, busy}}, every(5*time.Second, 20, unreachable)...), []string{inProgress, runningWith("APIUnreachable")}, AfterSoon,
		},
		"after a lasting problem the task is in progress again": {
			append(every(5*time.Second, 4, unreachable), seen{20 * time.Second, busy}), []string{pendingWith("APIUnreachable"), inProgress}, ByAge,
		},
		"two problems that alternate do not make the reason flap": {
			[]seen{{0, unreachable}, {11 * time.Second, unreachable}, {13 * time.Second, unavailable}, {15 * time.Second, unreachable}, {17 * time.Second, unavailable}, {19 * time.Second, unreachable}},
			[]string{pendingWith("APIUnreachable")}, AfterSoon,
		},
		"another problem that lasts by itself replaces the one shown": {
			[]seen{{0, unreachable}, {11 * time.Second, unreachable}, {13 * time.Second, unavailable}, {24 * time.Second, unavailable}},
			[]string{pendingWith("APIUnreachable"), pendingWith("APIUnavailable")}, AfterSoon,
		},
		"a single answer is no end of a problem that lasts": {
			[]seen{{0, busy}, {time.Second, unreachable}, {12 * time.Second, unreachable}, {14 * time.Second, busy}, {16 * time.Second, unreachable}, {20 * time.Second, busy}},
			[]string{inProgress, runningWith("APIUnreachable")}, ByAge,
		},
		"a problem is over when answers have been clean for ten seconds": {
			[]seen{{0, busy}, {time.Second, unreachable}, {12 * time.Second, unreachable}, {14 * time.Second, busy}, {23 * time.Second, busy}, {24 * time.Second, busy}},
			[]string{inProgress, runningWith("APIUnreachable"), inProgress}, ByAge,
		},
		"a problem that comes back has to last twice as long, and its end, too": {
			[]seen{
				{0, busy}, {time.Second, denied}, {2 * time.Second, busy}, {12 * time.Second, busy},
				{13 * time.Second, denied}, {14 * time.Second, busy}, {33 * time.Second, busy}, {34 * time.Second, busy},
			},
			[]string{inProgress, runningWith("AccessDenied"), inProgress, runningWith("AccessDenied"), inProgress}, ByAge,
		},
		"an outcome ends a problem at once": {
			[]seen{{0, busy}, {time.Second, denied}, {2 * time.Second, answered(clb.Succeeded)}}, []string{inProgress, runningWith("AccessDenied"), succeeded}, Never,
		},
		"throttling and another problem that take turns do not make the reason flap": {
			append([]seen{{0, unreachable}, {11 * time.Second, unreachable}, {13 * time.Second, throttled}, {25 * time.Second, throttled}},
				[]seen{{26 * time.Second, unreachable}, {35 * time.Second, throttled}, {44 * time.Second, unreachable}}...),
			[]string{pendingWith("APIUnreachable"), pendingWith("Throttled")}, AfterSoon,
		},
		"two problems of configuration that take turns do not make the reason flap": {
			[]seen{{0, denied}, {time.Minute, rejected}, {2 * time.Minute, denied}, {3 * time.Minute, rejected}, {4 * time.Minute, denied}},
			[]string{pendingWith("AccessDenied")}, AfterConfiguration,
		},
		"a problem of configuration takes the place of one that passes at once": {
			[]seen{{0, unreachable}, {11 * time.Second, unreachable}, {13 * time.Second, denied}},
			[]string{pendingWith("APIUnreachable"), pendingWith("AccessDenied")}, AfterConfiguration,
		},
		"a throttled call is no news": {
			every(time.Second, 10, throttled), nil, ByAge,
		},
		"throttling that lasts is shown, and the task keeps its pace": {
			every(time.Second, 15, throttled), []string{pendingWith("Throttled")}, ByAge,
		},
		"a problem of configuration is shown at once": {
			every(time.Minute, 3, denied), []string{pendingWith("AccessDenied")}, AfterConfiguration,
		},
		"a clock problem is tried once more before it is shown": {
			every(2*time.Second, 3, skewed), []string{pendingWith("ClockSkew")}, AfterConfiguration,
		},
		"an unknown request ID may become known within the grace": {
			[]seen{{time.Second, notFound}, {3 * time.Second, notFound}, {5 * time.Second, busy}}, []string{inProgress}, ByAge,
		},
		"an unknown request ID is shown while the grace lasts": {
			[]seen{{time.Second, notFound}, {12 * time.Second, notFound}}, []string{pendingWith("TaskNotFound")}, AfterSoon,
		},
		"an unknown request ID ends the task after the grace, without an outcome": {
			[]seen{{2 * time.Minute, notFound}}, []string{unknownWith("TaskNotFound")}, Never,
		},
		"a region that is not served ends the task at once": {
			every(0, 1, region), []string{unknownWith("InvalidRegion")}, Never,
		},
		"ten refusals within ten minutes end nothing": {
			every(time.Minute, 10, refused), []string{pendingWith("APIUnavailable")}, AfterSoon,
		},
		"nine refusals over ten minutes end nothing": {
			every(80*time.Second, 9, refused), []string{pendingWith("APIUnavailable")}, AfterSoon,
		},
		"ten refusals in a row over ten minutes end the task without an outcome": {
			every(67*time.Second, 10, refused), []string{pendingWith("APIUnavailable"), unknownWith("QueryRefused")}, Never,
		},
		"a throttled call in between does not break the row": {
			append(append(every(67*time.Second, 9, refused), seen{600 * time.Second, throttled}), seen{603 * time.Second, refused}),
			[]string{pendingWith("APIUnavailable"), unknownWith("QueryRefused")}, Never,
		},
		"an answer in between does": {
			append(append(every(67*time.Second, 9, refused), seen{600 * time.Second, busy}), seen{603 * time.Second, refused}),
			[]string{pendingWith("APIUnavailable"), inProgress}, AfterSoon,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			decision, written := follow(live(), test.seen)
			if got, want := strings.Join(written, "\n"), strings.Join(test.want, "\n"); got != want {
				t.Errorf("written:\n%s\nwant:\n%s", got, want)
			}
			if decision.Again != test.again {
				t.Errorf("again: %v, want %v", decision.Again, test.again)
			}
		})
	}
}

func TestTransitionTimesAreThoseOfTheTransition(t *testing.T) {
	task := live()
	_, _ = follow(task, []seen{{0, answered(clb.InProgress)}, {time.Minute, failing(clb.Configuration, clb.ProblemAccessDenied, clb.None)}})
	for kind, want := range map[string]time.Duration{"Ready": 0, "Succeeded": 0, "Running": 0, "Reconciling": 0} {
		got := meta.FindStatusCondition(task.Status.Conditions, kind).LastTransitionTime
		if !got.Time.Equal(created.Add(want)) {
			t.Errorf("%s since %v", kind, got)
		}
	}
	_, _ = follow(task, []seen{{2 * time.Minute, answered(clb.Succeeded)}})
	if got := task.Status.Conditions[0].LastTransitionTime; !got.Time.Equal(created.Add(2 * time.Minute)) {
		t.Errorf("Ready since %v", got)
	}
	if !task.Status.StartTime.Time.Equal(created) || !task.Status.CompletionTime.Time.Equal(created.Add(2*time.Minute)) {
		t.Errorf("started %v, completed %v", task.Status.StartTime, task.Status.CompletionTime)
	}
}

func TestTheTextOfARepeatedProblemDoesNotChange(t *testing.T) {
	for _, problem := range clb.Problems() {
		t.Run(string(problem), func(t *testing.T) {
			task, streak := live(), Streak{}
			writes := 0
			for i := range 100 {
				err := &clb.Error{
					Class: clb.Configuration, Problem: problem, Code: "Some.Code", Message: fmt.Sprint("attempt ", i),
					RequestID: fmt.Sprint("api-", i), Skew: time.Duration(i) * time.Minute,
				}
				decision := policy.Decide(task, Observation{Err: err}, streak, created.Add(time.Duration(i)*time.Minute))
				if task.Status, streak = decision.Status, decision.Streak; decision.Changed {
					writes++
				}
			}
			if writes != 1 {
				t.Errorf("%d writes", writes)
			}
		})
	}
}

func TestWhereTheCodeChangesFromCallToCallTheTextStays(t *testing.T) {
	task, streak := live(), Streak{}
	var texts []string
	for i, code := range []string{"AuthFailure.A", "AuthFailure.B", "AuthFailure.A", "AuthFailure.B", "AuthFailure.B"} {
		err := &clb.Error{Class: clb.Configuration, Problem: clb.ProblemCredentialsRejected, Code: code}
		decision := policy.Decide(task, Observation{Err: err}, streak, created.Add(time.Duration(i)*time.Minute))
		if task.Status, streak = decision.Status, decision.Streak; decision.Changed {
			texts = append(texts, task.Status.Conditions[0].Message)
		}
	}
	if len(texts) != 2 || !strings.Contains(texts[0], "AuthFailure.A") || !strings.Contains(texts[1], "AuthFailure.B") {
		t.Errorf("it says %q, want the first code, then the one that lasts", texts)
	}
}

// reasons are the constants of the API, by their value.
var reasons = []string{
	v1alpha1.ReasonThrottled, v1alpha1.ReasonAPIUnavailable, v1alpha1.ReasonAPIUnreachable, v1alpha1.ReasonUnexpectedAnswer,
	v1alpha1.ReasonCredentialsMissing, v1alpha1.ReasonCredentialsRejected, v1alpha1.ReasonClockSkew, v1alpha1.ReasonAccessDenied,
	v1alpha1.ReasonEndpointRefused, v1alpha1.ReasonTaskNotFound, v1alpha1.ReasonInvalidRegion, v1alpha1.ReasonInvalidRequest, v1alpha1.ReasonQueryRefused,
}

func TestEveryProblemIsAReasonOfTheAPI(t *testing.T) {
	for i, problem := range clb.Problems() {
		if string(problem) != reasons[i] {
			t.Errorf("problem %s stands where the API has reason %s", problem, reasons[i])
		}
	}
}
