package lifecycle

import (
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// givenUp is a life that ended without a verdict two minutes ago.
func givenUp(o Observation) *life {
	l := newLife()
	l.pollFor(grace, 10*time.Second, o)
	l.wait(2 * time.Minute)
	return l
}

// A task without a verdict is taken up again as a fresh one, in one write.
func TestReopened(t *testing.T) {
	for _, p := range aboutRequest {
		t.Run(string(p), func(t *testing.T) {
			l := givenUp(failure(p))
			l.unknown(t, p)
			l.written = nil
			l.annotate("one")
			l.reconcile()
			l.wrote(t, matrix.Pending)
			l.handled(t, "one")
			if s := l.task.Status; s.Message != "" || s.APIRequestID != "" || s.StartTime != nil || !l.last.Force || !l.last.Poll {
				t.Errorf("%+v", l.last)
			}
			begun := l.now
			want := 30 * time.Second
			if p == clb.ProblemTaskNotFound || p == clb.ProblemLoadBalancerNotFound {
				want = grace
			}
			l.pollFor(want-time.Second, time.Second, failure(p))
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(failure(p))
			l.unknown(t, p)
			if took := l.task.Status.CompletionTime.Sub(begun); took != want {
				t.Errorf("it ended after %v", took)
			}
			l.wait(time.Hour)
			l.reconcile()
			if l.last.Changed || l.last.Poll {
				t.Error("an old token asks again")
			}
		})
	}
}

// The row of refusals begins again even if another object of the request knows it.
func TestReopenedBesideAnother(t *testing.T) {
	l := newLife()
	l.shared = true
	l.pollFor(time.Minute, time.Second, noSuchRegion)
	l.unknown(t, clb.ProblemInvalidRegion)
	l.annotate("one")
	l.reconcile()
	l.unfinished(t)
	l.wait(time.Second)
	l.pollFor(30*time.Second-time.Second, time.Second, noSuchRegion)
	l.unfinished(t)
	l.wait(time.Second)
	l.poll(noSuchRegion)
	l.unknown(t, clb.ProblemInvalidRegion)
}

// A reopened task goes on as any other.
func TestReopenedGoesOn(t *testing.T) {
	for sentence, test := range map[string]struct {
		live func(*life)
		want []string
	}{
		"to success":        {func(l *life) { l.reconcile(); l.poll(busy); l.poll(success) }, []string{matrix.Pending, matrix.Running, matrix.Succeeded}},
		"to a failure":      {func(l *life) { l.reconcile(); l.poll(failed) }, []string{matrix.Pending, matrix.Failed}},
		"to a suspension":   {func(l *life) { l.reconcile(); l.suspend(true); l.reconcile() }, []string{matrix.Pending, matrix.Suspended}},
		"not if suspended":  {func(l *life) { l.suspend(true); l.reconcile(); l.reconcile() }, []string{matrix.UnknownWith(clb.ProblemInvalidRegion)}},
		"once it's resumed": {func(l *life) { l.suspend(true); l.suspend(false); l.reconcile() }, []string{matrix.Pending}},
		"to a verdict that another object brought": {
			func(l *life) { l.shared = true; l.observe(success, true); l.reconcile() }, []string{matrix.Succeeded},
		},
		"to its deadline, which begins again": {
			func(l *life) {
				l.limit(time.Minute)
				l.reconcile()
				l.restart()
				l.pollFor(3*time.Minute, 10*time.Second, unreachable)
			},
			[]string{matrix.Pending, matrix.PendingWith(clb.ProblemAPIUnreachable), matrix.Expired},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := givenUp(noSuchRegion)
			l.written = nil
			l.annotate("one")
			test.live(l)
			l.wrote(t, test.want...)
		})
	}
}
