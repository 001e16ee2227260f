package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// A failure from before the request was tracked ends nothing.
func TestFailureBeforeTracking(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	failed := func(problem clb.Problem, ago ...time.Duration) (h Health) {
		for _, d := range ago {
			h = h.Observe(Observation{Err: &clb.Error{Problem: problem, Code: "Code"}}, now.Add(-d))
		}
		return h
	}
	for sentence, test := range map[string]struct {
		health  Health
		history History
	}{
		"it is tracked during an outage":                      {failed(clb.ProblemAPIUnreachable, 10*time.Minute, time.Second), History{}},
		"it is tracked while the account is denied":           {failed(clb.ProblemAccessDenied, 10*time.Minute, time.Second), History{}},
		"it is tracked days after one failure":                {failed(clb.ProblemAPIUnavailable, 48*time.Hour), History{}},
		"it was tracked again days after one failure":         {failed(clb.ProblemAPIUnavailable, 48*time.Hour), History{Begun: now.Add(-time.Hour)}},
		"it was tracked again a minute ago, during an outage": {failed(clb.ProblemAPIUnreachable, 10*time.Minute, time.Second), History{Begun: now.Add(-time.Minute)}},
	} {
		t.Run(sentence, func(t *testing.T) {
			started := metav1.NewTime(now.Add(-72 * time.Hour))
			task := &v1alpha1.CLBTask{
				ObjectMeta: metav1.ObjectMeta{Generation: 3, CreationTimestamp: started},
				Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", ActiveDeadlineSeconds: 600},
				Status:     v1alpha1.CLBTaskStatus{Phase: v1alpha1.PhaseRunning, ObservedGeneration: 2, StartTime: &started},
			}
			d := Policy{}.Decide(task, test.history, test.health, now)
			if d.Status.Phase.Final() || !d.Poll || !d.Expedite {
				t.Errorf("phase %s, poll %v, expedite %v; a last poll has to decide", d.Status.Phase, d.Poll, d.Expedite)
			}
		})
	}
}

// As in a Job, a deadline begins again when a task is resumed.
func TestDeadlineAfterResumption(t *testing.T) {
	// resumed is a life that was resumed an hour after it began, with a deadline of 600 s.
	resumed := func(before Observation) *life {
		l := newLife()
		l.limit(10 * time.Minute)
		l.poll(before)
		l.pause(time.Hour)
		if l.last.RequeueAfter != 10*time.Minute {
			t.Errorf("requeued after %v", l.last.RequeueAfter)
		}
		return l
	}
	for _, before := range []Observation{busy, unreachable} {
		t.Run("from its first answer", func(t *testing.T) {
			l := resumed(before)
			l.wait(time.Minute)
			l.poll(busy)
			l.restart()
			l.pollFor(10*time.Minute-time.Second, time.Second, busy)
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(busy)
			l.expired(t, stillRunning)
		})
		t.Run("from its resumption if nothing is answered", func(t *testing.T) {
			l := resumed(before)
			l.pollFor(12*time.Minute-time.Second, time.Second, unreachable)
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(unreachable)
			l.expired(t, notAsked)
		})
	}
	t.Run("a restart right after the resumption changes nothing", func(t *testing.T) {
		l := resumed(busy)
		l.restart()
		l.pollFor(12*time.Minute-time.Second, time.Second, unreachable)
		l.unfinished(t)
	})
	t.Run("a restart while a problem is shown ends nothing early", func(t *testing.T) {
		l := resumed(busy)
		l.pollFor(time.Minute, time.Second, unreachable)
		l.restart()
		l.pollFor(12*time.Minute-time.Second, time.Second, unreachable)
		l.unfinished(t)
		l.wait(time.Second)
		l.poll(unreachable)
		l.expired(t, notAsked)
	})
	t.Run("another object's failures before it do not count", func(t *testing.T) {
		l := newLife()
		l.shared = true
		l.limit(10 * time.Minute)
		l.suspend(true)
		l.reconcile()
		for range 60 {
			l.observe(unreachable, true)
			l.wait(time.Minute)
		}
		l.suspend(false)
		l.reconcile()
		l.pollFor(12*time.Minute-time.Second, time.Second, unreachable)
		l.unfinished(t)
	})
}

// A task that was answered before its suspension does not end on a short row of refusals.
func TestRefusalAfterResumption(t *testing.T) {
	l := newLife()
	l.poll(busy)
	l.pause(time.Hour)
	l.restart()
	l.pollFor(10*time.Minute-time.Second, time.Second, noSuchRegion)
	l.unfinished(t)
	l.wait(time.Second)
	l.poll(noSuchRegion)
	l.unknown(t, clb.ProblemInvalidRegion)
}
