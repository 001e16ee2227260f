package lifecycle

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func TestDecide(t *testing.T) {
	for sentence, test := range map[string]struct {
		live func(*life)
		want []string
	}{
		"a fresh task is left as it is until a poll is answered": {
			func(l *life) { l.reconcile(); l.wait(time.Hour); l.reconcile() }, nil,
		},
		"a task in progress is written once, however often it is polled": {
			func(l *life) { l.pollFor(time.Hour, time.Second, busy) }, []string{matrix.Running},
		},
		"a task that finished before its first poll costs one write": {
			func(l *life) { l.poll(success); l.reconcile() }, []string{matrix.Succeeded},
		},
		"a task in progress that then fails costs two writes": {
			func(l *life) { l.poll(busy); l.wait(time.Second); l.poll(failed) }, []string{matrix.Running, matrix.Failed},
		},
		"a verdict ends a problem at once": {
			func(l *life) { l.poll(busy); l.pollFor(time.Minute, time.Second, denied); l.poll(success) },
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied), matrix.Succeeded},
		},
		"a problem of others of the account is shown although the request itself is not polled": {
			func(l *life) {
				l.poll(busy)
				for range 3 {
					l.wait(time.Second)
					l.around(denied)
				}
			},
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied)},
		},
		"a problem of others is over when others are answered": {
			func(l *life) {
				l.poll(busy)
				for range 3 {
					l.wait(time.Second)
					l.around(denied)
				}
				for range 11 {
					l.wait(time.Second)
					l.around(busy)
				}
			},
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied), matrix.Running},
		},
		"a refusal of another request says nothing of this one": {
			func(l *life) {
				l.poll(busy)
				for range 60 {
					l.wait(time.Minute)
					l.around(notFound)
				}
			},
			[]string{matrix.Running},
		},
		"a problem that was shown is not called in progress before the first answer": {
			func(l *life) { l.pollFor(time.Minute, time.Second, throttled) }, []string{matrix.PendingWith(clb.ProblemThrottled)},
		},
		"the first answer during a problem says that the task runs": {
			func(l *life) { l.pollFor(time.Minute, time.Second, throttled); l.poll(busy) },
			[]string{matrix.PendingWith(clb.ProblemThrottled), matrix.RunningWith(clb.ProblemThrottled)},
		},
		"what a former process wrote stands until this one knows better": {
			func(l *life) {
				l.poll(busy)
				l.pollFor(time.Minute, time.Second, denied)
				l.restart()
				l.reconcile()
				l.wait(time.Second)
				l.poll(unreachable)
			},
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAccessDenied)},
		},
		"after a restart a problem still shows that the task was in progress": {
			func(l *life) { l.poll(busy); l.restart(); l.pollFor(time.Minute, time.Second, unreachable) },
			[]string{matrix.Running, matrix.RunningWith(clb.ProblemAPIUnreachable)},
		},
		"after a restart the first answer ends the problem that a former process showed": {
			func(l *life) { l.pollFor(time.Minute, time.Second, denied); l.restart(); l.poll(busy) },
			[]string{matrix.PendingWith(clb.ProblemAccessDenied), matrix.Running},
		},
		"a task in progress is written once, although each call has another ID": {
			func(l *life) {
				for i := range 10 {
					l.poll(Observation{Status: clb.TaskStatus{State: clb.InProgress, RequestID: fmt.Sprint("call-", i)}})
				}
			},
			[]string{matrix.Running},
		},
		"a verdict that could not be written yet is not replaced": {
			func(l *life) {
				l.poll(busy)
				l.observe(success, true)
				for _, o := range []Observation{failed, busy, unreachable, denied, notFound, notFound, notFound} {
					l.wait(time.Hour)
					l.observe(o, true)
				}
				l.reconcile()
			},
			[]string{matrix.Running, matrix.Succeeded},
		},
		"a verdict is never replaced": {
			func(l *life) { l.poll(success); l.poll(failed); l.pollFor(time.Hour, time.Minute, notFound) }, []string{matrix.Succeeded},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			test.live(l)
			l.wrote(t, test.want...)
			if l.last.Poll == l.task.Status.Phase.Final() {
				t.Errorf("polled: %v", l.last.Poll)
			}
		})
	}
}

// Transition times are those of the transition.
func TestTransitionTimes(t *testing.T) {
	l := newLife()
	l.wait(time.Minute)
	l.poll(busy)
	running := metav1.NewTime(l.now)
	l.wait(time.Minute)
	l.pollFor(time.Minute, time.Second, denied)
	for _, c := range l.task.Status.Conditions {
		if c.LastTransitionTime != running {
			t.Errorf("%s since %v, want %v, although its text changed later", c.Type, c.LastTransitionTime, running)
		}
	}
	l.poll(success)
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionSucceeded} {
		if got := meta.FindStatusCondition(l.task.Status.Conditions, kind).LastTransitionTime; !got.Time.Equal(l.now) {
			t.Errorf("%s since %v, want %v", kind, got, l.now)
		}
	}
}

func TestStartAndCompletionTimes(t *testing.T) {
	never := time.Time{}
	for sentence, test := range map[string]struct {
		live      func(*life)
		wantStart time.Time
		wantEnd   time.Time
	}{
		"a task that has not been answered has not started": {
			func(l *life) { l.pollFor(time.Hour, time.Minute, throttled) }, never, never,
		},
		"a task starts when it is first answered, and not again": {
			func(l *life) { l.wait(time.Minute); l.pollFor(time.Hour, time.Minute, busy) }, created.Add(time.Minute), never,
		},
		"a task starts once, no matter what comes between": {
			func(l *life) {
				l.poll(busy)
				l.wait(time.Hour)
				l.restart()
				l.pollFor(time.Hour-time.Second, time.Second, denied)
				l.wait(time.Second)
				l.poll(success)
			}, created, created.Add(2 * time.Hour),
		},
		"a task that was suspended starts again": {
			func(l *life) {
				l.poll(busy)
				l.suspend(true)
				l.reconcile()
				l.suspend(false)
				l.wait(time.Hour)
				l.poll(unreachable)
				l.wait(time.Hour)
				l.restart()
				l.poll(busy)
				l.wait(time.Hour)
				l.poll(success)
			}, created.Add(2 * time.Hour), created.Add(3 * time.Hour),
		},
		"a suspended task has not started": {
			func(l *life) { l.poll(busy); l.suspend(true); l.reconcile() }, never, never,
		},
		"a task whose first answer is the verdict starts with its end": {
			func(l *life) { l.wait(time.Minute); l.poll(failed) }, created.Add(time.Minute), created.Add(time.Minute),
		},
		"a task that was refused never started, and has ended": {
			func(l *life) { l.pollFor(time.Minute, 15*time.Second, noSuchRegion) }, never, created.Add(30 * time.Second),
		},
		"a task that the deadline ended was started by its answer": {
			func(l *life) { l.limit(time.Minute); l.pollFor(time.Minute, time.Minute, busy) }, created, created.Add(time.Minute),
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			test.live(l)
			for what, times := range map[string]struct {
				got  *metav1.Time
				want time.Time
			}{
				"start": {l.task.Status.StartTime, test.wantStart},
				"end":   {l.task.Status.CompletionTime, test.wantEnd},
			} {
				if (times.got == nil) != times.want.IsZero() || times.got != nil && !times.got.Time.Equal(times.want) {
					t.Errorf("%s: %v, want %v", what, times.got, times.want)
				}
			}
		})
	}
}

// A changed spec moves the generations of a final status and nothing else.
func TestChangedSpec(t *testing.T) {
	for sentence, end := range map[string]func(*life){
		"succeeded":               func(l *life) { l.poll(success) },
		"failed":                  func(l *life) { l.poll(failed) },
		"failed at its deadline":  func(l *life) { l.limit(time.Second); l.poll(busy); l.wait(time.Second); l.poll(busy) },
		"ended without a verdict": func(l *life) { l.pollFor(time.Hour, time.Minute, noSuchRegion) },
		// As somebody else may have written it.
		"succeeded, without conditions": func(l *life) {
			l.task.Status = v1alpha1.CLBTaskStatus{Phase: v1alpha1.PhaseSucceeded, ObservedGeneration: 1}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			end(l)
			l.reconcile()
			want, before := l.task.Status.DeepCopy(), l.task.Status
			if !before.Phase.Final() || l.last.Changed {
				t.Fatalf("%+v, written again: %v", before, l.last.Changed)
			}
			l.wait(time.Hour)
			l.suspend(true)
			l.limit(2 * time.Second)
			want.ObservedGeneration = l.task.Generation
			for i := range want.Conditions {
				want.Conditions[i].ObservedGeneration = l.task.Generation
			}
			l.poll(failed)
			if !l.last.Changed || l.last.Poll || l.last.RequeueAfter != 0 || !reflect.DeepEqual(l.task.Status, *want) {
				t.Errorf("%+v\nwant %+v", l.task.Status, want)
			}
			if before.ObservedGeneration == l.task.Generation || len(before.Conditions) > 0 && before.Conditions[0].ObservedGeneration == l.task.Generation {
				t.Error("the status that was given was written to")
			}
			l.reconcile()
			if l.last.Changed {
				t.Error("written again")
			}
		})
	}
}
