package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func TestSuspension(t *testing.T) {
	for sentence, test := range map[string]struct {
		live func(*life)
		want []string
	}{
		"a suspended task says so once, and nothing else": {
			func(l *life) { l.suspend(true); l.reconcile(); l.wait(time.Hour); l.reconcile() }, []string{matrix.Suspended},
		},
		"a running task that is suspended no longer claims to run": {
			func(l *life) { l.poll(busy); l.suspend(true); l.reconcile() }, []string{matrix.Running, matrix.Suspended},
		},
		"a task with a problem that is suspended shows that instead": {
			func(l *life) { l.pollFor(time.Minute, time.Second, denied); l.suspend(true); l.reconcile() },
			[]string{matrix.PendingWith(clb.ProblemAccessDenied), matrix.Suspended},
		},
		"a suspended task outlives its deadline": {
			func(l *life) { l.limit(time.Minute); l.poll(busy); l.suspend(true); l.wait(time.Hour); l.reconcile() },
			[]string{matrix.Running, matrix.Suspended},
		},
		"a verdict in hand is written although the task was suspended meanwhile": {
			func(l *life) { l.poll(busy); l.suspend(true); l.poll(success) }, []string{matrix.Running, matrix.Succeeded},
		},
		"any other answer in hand is not written": {
			func(l *life) { l.suspend(true); l.poll(busy); l.poll(denied); l.poll(noSuchRegion) }, []string{matrix.Suspended},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			test.live(l)
			l.wrote(t, test.want...)
			if l.last.Poll || l.last.Expedite || l.last.RequeueAfter != 0 {
				t.Errorf("decided: %+v", l.last)
			}
		})
	}
}

func TestResumption(t *testing.T) {
	for sentence, test := range map[string]struct {
		live func(*life)
		want []string // After matrix.Running and matrix.Suspended.
	}{
		"a resumed task waits for an answer, like a fresh one": {
			func(l *life) { l.reconcile(); l.wait(time.Hour); l.reconcile() }, []string{matrix.Pending},
		},
		"a resumed task goes on with the next answer": {
			func(l *life) { l.reconcile(); l.poll(busy); l.poll(failed) }, []string{matrix.Pending, matrix.Running, matrix.Failed},
		},
		"a problem after a suspension does not claim that the task runs": {
			func(l *life) { l.reconcile(); l.pollFor(time.Minute, time.Second, denied) },
			[]string{matrix.Pending, matrix.PendingWith(clb.ProblemAccessDenied)},
		},
		"a resumed task says so even if its first poll fails": {
			func(l *life) { l.poll(throttled) }, []string{matrix.Pending},
		},
		"a resumed task goes on at once if another object knows that it is in progress": {
			func(l *life) { l.shared = true; l.poll(busy) }, []string{matrix.Running},
		},
		"an unanswered deadline that passed meanwhile does not count before the last poll": {
			func(l *life) { l.limit(time.Minute); l.reconcile(); l.wait(time.Minute); l.reconcile() }, []string{matrix.Pending},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			l.poll(busy)
			l.suspend(true)
			l.reconcile()
			l.wait(time.Hour)
			l.suspend(false)
			test.live(l)
			l.wrote(t, append([]string{matrix.Running, matrix.Suspended}, test.want...)...)
			if l.last.Poll == l.task.Status.Phase.Final() {
				t.Errorf("polled: %v", l.last.Poll)
			}
		})
	}
}

func TestPollable(t *testing.T) {
	for sentence, test := range map[string]struct {
		change func(*v1alpha1.CLBTask)
		want   bool
	}{
		"a fresh task is":         {func(*v1alpha1.CLBTask) {}, true},
		"a suspended one is not":  {func(task *v1alpha1.CLBTask) { task.Spec.Suspend = true }, false},
		"a finished one is not":   {func(task *v1alpha1.CLBTask) { task.Status.Phase = v1alpha1.PhaseUnknown }, false},
		"one to be deleted isn't": {func(task *v1alpha1.CLBTask) { task.DeletionTimestamp = new(metav1.NewTime(created)) }, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			task := freshTask()
			test.change(task)
			if got := Pollable(task); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
