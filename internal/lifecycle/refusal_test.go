package lifecycle

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// aboutRequest are the problems that may end a task; no other does. This restates what
// the table of problems says.
var aboutRequest = []clb.Problem{
	clb.ProblemTaskNotFound, clb.ProblemLoadBalancerNotFound, clb.ProblemInvalidRegion, clb.ProblemInvalidRequest,
}

func (l *life) unknown(t *testing.T, want clb.Problem) {
	t.Helper()
	if got := matrix.Row(l.task.Status); got != matrix.UnknownWith(want) {
		t.Errorf("%v after creation it reads %s", l.now.Sub(created), got)
	}
}

func (l *life) unfinished(t *testing.T) {
	t.Helper()
	if l.task.Status.Phase.Final() || !l.last.Poll {
		t.Fatalf("%v after creation it reads %s", l.now.Sub(created), matrix.Row(l.task.Status))
	}
}

// A refusal is confirmed by three in a row over thirty seconds.
func TestConfirmation(t *testing.T) {
	old := func(l *life) { l.wait(time.Hour); l.restart() } // Beyond every grace.
	for sentence, test := range map[string]struct {
		live func(*life)
		ends bool
	}{
		"three over 30 s":          {func(l *life) { l.pollFor(30*time.Second, 15*time.Second, noSuchRegion) }, true},
		"three over 29 s":          {func(l *life) { l.pollFor(29*time.Second, 14500*time.Millisecond, noSuchRegion) }, false},
		"two over an hour":         {func(l *life) { l.pollFor(time.Hour, time.Hour, noSuchRegion) }, false},
		"30 over 29 s":             {func(l *life) { l.pollFor(29*time.Second, time.Second, noSuchRegion) }, false},
		"two, an answer of others": {func(l *life) { l.pollFor(time.Hour, time.Hour, noSuchRegion); l.around(busy) }, false},
		"two of one kind, two of next": {func(l *life) {
			l.pollFor(time.Hour, time.Hour, noSuchRegion)
			l.pollFor(time.Hour, time.Hour, notFound)
		}, false},
		"two, then another failure": {
			func(l *life) {
				l.pollFor(time.Hour, time.Hour, noSuchRegion)
				l.poll(unreachable)
				l.poll(throttled)
				l.poll(denied)
			}, false,
		},
		"two, other failures, and the third": {
			func(l *life) {
				l.poll(noSuchRegion)
				for _, o := range []Observation{unreachable, throttled, noSuchRegion, denied, unavailable} {
					l.wait(5 * time.Second)
					l.poll(o)
				}
				l.wait(5 * time.Second)
				l.poll(noSuchRegion)
			}, true,
		},
		"two before a restart, and two after it": {
			func(l *life) {
				l.pollFor(time.Minute, time.Minute, noSuchRegion)
				l.restart()
				l.pollFor(time.Minute, time.Minute, noSuchRegion)
			}, false,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			old(l)
			test.live(l)
			if test.ends {
				l.unknown(t, clb.ProblemInvalidRegion)
			} else {
				l.unfinished(t)
			}
		})
	}
}

// One refusal, or ten minutes of them with an answer in between, end no task that has
// been answered.
func TestConfirmationAfterAnswer(t *testing.T) {
	for _, p := range aboutRequest {
		t.Run(string(p), func(t *testing.T) {
			l := newLife()
			l.pollFor(20*time.Minute, time.Minute, busy)
			for range 5 {
				l.wait(5 * time.Second)
				l.pollFor(9*time.Minute+55*time.Second, 5*time.Second, failure(p))
				l.unfinished(t)
				l.wait(5 * time.Second)
				l.poll(busy)
				l.unfinished(t)
			}
			l.wait(time.Minute)
			l.pollFor(10*time.Minute-time.Second, time.Second, failure(p))
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(failure(p))
			l.unknown(t, p)
		})
		t.Run(fmt.Sprint(p, ", and only the status knows that it was"), func(t *testing.T) {
			l := newLife()
			l.poll(busy)
			l.restart()
			l.wait(time.Hour)
			l.pollFor(10*time.Minute-time.Second, time.Second, failure(p))
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(failure(p))
			l.unknown(t, p)
		})
	}
}

// What is not about the request ends nothing.
func TestNotAboutRequest(t *testing.T) {
	skipStatistics(t)
	for p := range problems {
		if !isAboutRequest(p) {
			t.Run(string(p), func(t *testing.T) {
				for _, before := range []Observation{throttled, busy} {
					l := newLife()
					l.poll(before)
					l.pollFor(12*time.Hour, 30*time.Second, failure(p))
					l.unfinished(t)
					l.poll(success)
					if got := matrix.Row(l.task.Status); got != matrix.Succeeded {
						t.Errorf("it reads %s", got)
					}
				}
			})
		}
	}
}

// A task is unknown to the API at first, and stays so.
func TestGrace(t *testing.T) {
	for sentence, test := range map[string]struct {
		ahead   time.Duration // The API server's clock, compared with the operator's.
		tracked time.Duration // When this process began, after creation.
		want    time.Duration // When the task may end, after the process began.
	}{
		"same clocks":                                {0, 0, grace},
		"the API server is five minutes behind":      {-5 * time.Minute, 0, grace},
		"the API server is five minutes ahead":       {5 * time.Minute, 0, grace},
		"a restart after one minute":                 {0, time.Minute, grace},
		"a restart after an hour":                    {0, time.Hour, 30 * time.Second},
		"a restart after an hour, the server behind": {-5 * time.Minute, time.Hour, 30 * time.Second},
		"a restart after an hour, the server ahead":  {5 * time.Minute, time.Hour, 30 * time.Second},
	} {
		for _, p := range aboutRequest {
			t.Run(fmt.Sprint(sentence, ": ", p), func(t *testing.T) {
				l := newLife()
				l.task.CreationTimestamp = metav1.NewTime(created.Add(test.ahead))
				l.wait(test.tracked)
				want := test.want
				if p == clb.ProblemInvalidRegion || p == clb.ProblemInvalidRequest {
					want = 30 * time.Second // No region or form appears with time.
				}
				l.pollFor(want-time.Second, time.Second, failure(p))
				l.unfinished(t)
				l.wait(time.Second)
				l.poll(failure(p))
				l.unknown(t, p)
			})
		}
	}
}

// An unknown request may appear within the grace.
func TestRequestAppears(t *testing.T) {
	l := newLife()
	l.pollFor(grace-time.Second, time.Second, notFound)
	l.poll(busy)
	l.wait(10 * time.Second)
	l.poll(busy)
	l.poll(success)
	l.wrote(t, matrix.PendingWith(clb.ProblemTaskNotFound), matrix.RunningWith(clb.ProblemTaskNotFound), matrix.Running, matrix.Succeeded)
}

// The final text names the code and the call.
func TestFinalText(t *testing.T) {
	l := newLife()
	l.wait(time.Hour)
	l.restart()
	for i := range 3 {
		o := failure(clb.ProblemInvalidRequest)
		o.Err.Message, o.Err.RequestID = fmt.Sprintf("TaskId is wrong, %d times.", i), fmt.Sprint("call-", i)
		l.pollFor(0, 1, o)
		l.wait(15 * time.Second)
	}
	const want = "The CLB API refuses the query as malformed: TaskId is wrong, 2 times. Code Code.InvalidRequest (API request ID call-2)."
	status := l.task.Status
	if l.text() != want || status.Message != "TaskId is wrong, 2 times." || status.APIRequestID != "call-2" {
		t.Errorf("%q, %q, %q", l.text(), status.Message, status.APIRequestID)
	}
}
