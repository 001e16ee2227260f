package controllers

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// life is a task as time, its user and the cloud go on, decided step by step as
// Reconcile does it.
type life struct {
	task    *v1alpha1.CLBTask
	now     time.Time
	last    Decision
	written []string
}

func newLife() *life { return &life{task: live(), now: created} }

func (l *life) wait(d time.Duration) { l.now = l.now.Add(d) }

func (l *life) suspend(yes bool) {
	l.task.Spec.Suspend = yes
	l.task.Generation++
}

func (l *life) limit(seconds int64) {
	l.task.Spec.ActiveDeadlineSeconds = seconds
	l.task.Generation++
}

// stand is a Reconcile without a report.
func (l *life) stand() { l.take(Standing(l.task, l.last.Streak, l.now)) }

// see is one with a report.
func (l *life) see(o Observation) { l.take(policy.Decide(l.task, o, l.last.Streak, l.now)) }

func (l *life) take(d Decision) {
	l.last, l.task.Status = d, d.Status
	if d.Changed {
		l.written = append(l.written, shown(d.Status))
	}
}

const (
	suspended = "Suspended: Ready=False/Suspended Succeeded=Unknown/Suspended"
	resumed   = "Pending: Ready=Unknown/Pending Succeeded=Unknown/Pending"
	expired   = "Failed: Ready=False/DeadlineExceeded Succeeded=False/DeadlineExceeded Failed=True/DeadlineExceeded Stalled=True/DeadlineExceeded"
)

func TestSuspensionAndDeadline(t *testing.T) {
	busy := answered(clb.InProgress)
	denied := failing(clb.Configuration, clb.ProblemAccessDenied, clb.None)
	unreachable := failing(clb.Soon, clb.ProblemAPIUnreachable, clb.None)
	throttled := failing(clb.Throttle, clb.ProblemThrottled, clb.None)
	region := failing(clb.Permanent, clb.ProblemInvalidRegion, clb.None)
	for sentence, test := range map[string]struct {
		live  func(*life)
		want  []string
		again Again
	}{
		"a task that nothing keeps from being asked about is left as it is": {
			func(l *life) { l.limit(60); l.stand(); l.wait(time.Second); l.stand() }, nil, ByAge,
		},
		"a suspended task says so once, and nothing else": {
			func(l *life) { l.suspend(true); l.stand(); l.stand(); l.wait(time.Hour); l.stand() }, []string{suspended}, WhenResumed,
		},
		"a running task that is suspended no longer claims to run": {
			func(l *life) { l.see(busy); l.suspend(true); l.stand() }, []string{inProgress, suspended}, WhenResumed,
		},
		"a task in lasting trouble that is suspended shows that instead": {
			func(l *life) { l.see(busy); l.see(denied); l.suspend(true); l.stand() },
			[]string{inProgress, runningWith("AccessDenied"), suspended}, WhenResumed,
		},
		"a resumed task waits for an answer, like a fresh one": {
			func(l *life) {
				l.see(busy)
				l.suspend(true)
				l.stand()
				l.suspend(false)
				l.stand()
				l.stand()
			},
			[]string{inProgress, suspended, resumed}, ByAge,
		},
		"a resumed task goes on from the next answer": {
			func(l *life) {
				l.see(busy)
				l.suspend(true)
				l.stand()
				l.suspend(false)
				l.stand()
				l.see(busy)
				l.see(answered(clb.Failed))
			},
			[]string{inProgress, suspended, resumed, inProgress, failed}, Never,
		},
		"trouble after a suspension does not claim that the task runs": {
			func(l *life) {
				l.see(busy)
				l.suspend(true)
				l.stand()
				l.suspend(false)
				l.stand()
				l.see(denied)
			},
			[]string{inProgress, suspended, resumed, pendingWith("AccessDenied")}, AfterConfiguration,
		},
		"what failed before a suspension does not count after it": {
			func(l *life) {
				l.see(unreachable)
				l.suspend(true)
				l.stand()
				l.wait(time.Hour)
				l.suspend(false)
				l.stand()
				l.see(unreachable)
			},
			[]string{suspended, resumed}, AfterSoon,
		},
		"an outcome in hand is taken although the task was suspended meanwhile": {
			func(l *life) { l.see(busy); l.suspend(true); l.see(answered(clb.Succeeded)) }, []string{inProgress, succeeded}, Never,
		},
		"any other answer in hand is not, nor a refusal": {
			func(l *life) { l.suspend(true); l.see(busy); l.see(denied); l.see(region) }, []string{suspended}, WhenResumed,
		},
		"a resumed task shows it even where the first question fails": {
			func(l *life) { l.suspend(true); l.stand(); l.suspend(false); l.see(throttled) }, []string{suspended, resumed}, ByAge,
		},
		"a task without any answer fails at its deadline, and not before": {
			func(l *life) {
				l.limit(60)
				l.wait(59999 * time.Millisecond)
				l.stand()
				l.wait(time.Millisecond)
				l.stand()
			},
			[]string{expired}, Never,
		},
		"a task in progress fails at its deadline": {
			func(l *life) { l.limit(60); l.see(busy); l.wait(time.Minute); l.see(busy) }, []string{inProgress, expired}, Never,
		},
		"a task in trouble fails at its deadline, not of its trouble": {
			func(l *life) { l.limit(60); l.see(denied); l.wait(time.Hour); l.see(denied) },
			[]string{pendingWith("AccessDenied"), expired}, Never,
		},
		"an outcome in hand is taken although the deadline has passed": {
			func(l *life) { l.limit(60); l.wait(time.Hour); l.see(answered(clb.Succeeded)) }, []string{succeeded}, Never,
		},
		"an answer after the deadline's verdict changes nothing": {
			func(l *life) { l.limit(60); l.wait(time.Minute); l.stand(); l.see(answered(clb.Succeeded)) }, []string{expired}, Never,
		},
		"a deadline that is extended in time is the later one": {
			func(l *life) {
				l.limit(60)
				l.wait(59 * time.Second)
				l.limit(90)
				l.wait(30 * time.Second)
				l.stand()
				l.wait(time.Second)
				l.stand()
			},
			[]string{expired}, Never,
		},
		"a deadline that is taken away never comes": {
			func(l *life) { l.limit(60); l.limit(0); l.wait(time.Hour); l.stand() }, nil, ByAge,
		},
		"a suspended task outlives its deadline": {
			func(l *life) { l.limit(60); l.suspend(true); l.wait(time.Hour); l.stand() }, []string{suspended}, WhenResumed,
		},
		"a task that is resumed after its deadline fails": {
			func(l *life) {
				l.limit(60)
				l.suspend(true)
				l.stand()
				l.wait(time.Hour)
				l.suspend(false)
				l.stand()
			},
			[]string{suspended, expired}, Never,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			test.live(l)
			if got, want := strings.Join(l.written, "\n"), strings.Join(test.want, "\n"); got != want {
				t.Errorf("written:\n%s\nwant:\n%s", got, want)
			}
			if l.last.Again != test.again {
				t.Errorf("again: %v, want %v", l.last.Again, test.again)
			}
		})
	}
}

func TestTheDeadlinesVerdictSaysWhatHappenedAndClaimsNothingElse(t *testing.T) {
	l := newLife()
	l.limit(600)
	l.see(answered(clb.InProgress))
	l.wait(10 * time.Minute)
	l.stand()
	status := l.task.Status
	for _, c := range status.Conditions {
		if c.Message != "The deadline of 600 s passed before the cloud answered with an outcome." {
			t.Errorf("%s: %s", c.Type, c.Message)
		}
	}
	if !status.CompletionTime.Time.Equal(l.now) || !status.StartTime.Time.Equal(created) || status.Message != "" || status.APIRequestID != "api-1" {
		t.Errorf("%+v", status)
	}
}

func TestAChangedSpecMovesTheGenerationsOfAnOutcomeAndNothingElse(t *testing.T) {
	for sentence, end := range map[string]func(*life){
		"succeeded":              func(l *life) { l.see(answered(clb.Succeeded)) },
		"failed":                 func(l *life) { l.see(answered(clb.Failed)) },
		"failed at its deadline": func(l *life) { l.limit(1); l.wait(time.Second); l.stand() },
		"ended without an outcome": func(l *life) {
			l.see(failing(clb.Permanent, clb.ProblemInvalidRegion, clb.None))
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			end(l)
			want, before := l.task.Status.DeepCopy(), l.task.Status
			l.wait(time.Hour)
			l.suspend(true)
			l.limit(2)
			want.ObservedGeneration = l.task.Generation
			for i := range want.Conditions {
				want.Conditions[i].ObservedGeneration = l.task.Generation
			}
			l.stand()
			if !l.last.Changed || l.last.Again != Never || !reflect.DeepEqual(l.task.Status, *want) || news(before, l.task.Status) {
				t.Errorf("%+v\nwant %+v", l.task.Status, want)
			}
			if before.ObservedGeneration == l.task.Generation || before.Conditions[0].ObservedGeneration == l.task.Generation {
				t.Error("the status that was given was written to")
			}
			l.stand()
			if l.last.Changed {
				t.Error("written again")
			}
		})
	}
}

func TestATaskIsLookedAtWhenItsDeadlinePasses(t *testing.T) {
	for sentence, test := range map[string]struct{ limit, after, age, want time.Duration }{
		"never where there is no deadline":              {0, 0, time.Hour, 0},
		"after a backoff where there is no deadline":    {0, time.Minute, time.Hour, time.Minute},
		"at the deadline where there is no backoff":     {time.Minute, 0, 20 * time.Second, 40 * time.Second},
		"at the deadline where the backoff is longer":   {time.Minute, time.Hour, 20 * time.Second, 40 * time.Second},
		"after the backoff where that is shorter":       {time.Minute, time.Second, 20 * time.Second, time.Second},
		"at once where the deadline passed meanwhile":   {time.Minute, 0, time.Hour, 1},
		"at once at the deadline, whatever the backoff": {time.Minute, time.Hour, time.Minute, 1},
	} {
		t.Run(sentence, func(t *testing.T) {
			task := live()
			task.Spec.ActiveDeadlineSeconds = int64(test.limit / time.Second)
			if got := wake(task, test.after, created.Add(test.age)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
