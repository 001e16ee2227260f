package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

const (
	stillRunning = "The deadline of 600 s passed, and the task was still in progress then."
	notAsked     = "The deadline of 600 s passed, and the cloud gave no answer about the task."
)

// limited is a life that began with a deadline of 600 s, and was answered at once.
func limited() *life {
	l := newLife()
	l.limit(10 * time.Minute)
	l.poll(busy)
	return l
}

func (l *life) expired(t *testing.T, text string) {
	t.Helper()
	if matrix.Row(l.task.Status) != matrix.Expired || l.text() != text {
		t.Errorf("%v after creation it reads %s: %s", l.now.Sub(created), matrix.Row(l.task.Status), l.text())
	}
	if !l.task.Status.CompletionTime.Time.Equal(l.now) || l.task.Status.Message != "" || l.last.Poll {
		t.Errorf("%+v", l.last)
	}
}

// The last poll decides at the deadline.
func TestLastPoll(t *testing.T) {
	for sentence, test := range map[string]struct {
		last Observation
		want string
	}{
		"it succeeded meanwhile": {success, matrix.Succeeded},
		"it failed meanwhile":    {failed, matrix.Failed},
		"it is in progress":      {busy, matrix.Expired},
	} {
		for after, delay := range map[string]time.Duration{"at the deadline": 0, "a minute after": time.Minute, "a day after": 24 * time.Hour} {
			t.Run(sentence+", polled "+after, func(t *testing.T) {
				l := limited()
				l.wait(10*time.Minute + delay)
				l.restart()
				l.reconcile()
				l.unfinished(t)
				l.poll(test.last)
				l.wrote(t, matrix.Running, test.want)
			})
		}
	}
}

// An answer before the deadline ends nothing at it.
func TestAnswerBeforeDeadline(t *testing.T) {
	l := limited()
	l.wait(10*time.Minute - time.Millisecond)
	l.poll(busy)
	for range 100 { // The quota is short, so the last poll takes a while.
		l.wait(time.Minute)
		l.reconcile()
		l.unfinished(t)
		l.around(busy)
		l.unfinished(t)
	}
	l.poll(busy)
	l.expired(t, stillRunning)
}

// The last poll is expedited until it is sent.
func TestExpedite(t *testing.T) {
	l := limited()
	check := func(expedite bool, requeueAfter time.Duration) {
		t.Helper()
		l.unfinished(t)
		if l.last.Expedite != expedite || l.last.RequeueAfter != requeueAfter {
			t.Errorf("%v after creation: %+v", l.now.Sub(created), l.last)
		}
	}
	check(false, 10*time.Minute)
	l.wait(4 * time.Minute)
	l.reconcile()
	check(false, 6*time.Minute)
	l.wait(6*time.Minute - time.Millisecond)
	l.poll(unreachable)
	check(false, time.Millisecond)
	l.wait(time.Millisecond)
	l.reconcile()
	check(true, 2*time.Minute)
	l.around(unreachable)
	check(true, 2*time.Minute)
	l.wait(time.Minute)
	l.poll(unreachable)
	check(false, time.Minute)
	l.wait(59 * time.Second)
	l.poll(noSuchRegion)
	check(false, 10*time.Second) // Polls of others do not reconcile it.
	l.limit(0)
	l.reconcile()
	check(false, 0)
	l.limit(20 * time.Minute)
	l.reconcile()
	check(false, 8*time.Minute+time.Second)
}

// A deadline can be changed until it ended the task.
func TestChangedDeadline(t *testing.T) {
	l := limited()
	l.wait(9 * time.Minute)
	l.limit(15 * time.Minute)
	l.pollFor(6*time.Minute-time.Second, time.Second, busy)
	l.unfinished(t)
	l.limit(0)
	l.pollFor(24*time.Hour, time.Minute, busy)
	l.unfinished(t)
	l.limit(10 * time.Minute)
	l.reconcile()
	l.expired(t, stillRunning) // The last answer came after this deadline, too.
}

// A deadline of 180 s counts from the first answer, or from the creation as late as both
// clocks allow: clocks up to five minutes apart end no task early.
func TestClockSkew(t *testing.T) {
	const limit = 180 * time.Second
	for sentence, test := range map[string]struct {
		ahead   time.Duration // The API server's clock, compared with the operator's.
		tracked time.Duration // When this process began, after the creation.
		want    time.Duration // The deadline, after the creation.
	}{
		"same clocks":                              {0, 0, limit},
		"the server is 4 minutes behind":           {-4 * time.Minute, 0, limit},
		"the server is 5 minutes behind":           {-5 * time.Minute, 0, limit},
		"the server is 4 minutes ahead":            {4 * time.Minute, 0, 4*time.Minute + limit},
		"a restart after a minute":                 {0, time.Minute, time.Minute + limit},
		"a restart after an hour":                  {0, time.Hour, 5*time.Minute + limit},
		"a restart after an hour, server behind":   {-4 * time.Minute, time.Hour, time.Minute + limit},
		"a restart after an hour, server is ahead": {4 * time.Minute, time.Hour, 9*time.Minute + limit},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			l.task.CreationTimestamp = metav1.NewTime(created.Add(test.ahead))
			l.limit(limit)
			l.wait(test.tracked)
			l.reconcile()
			l.poll(unreachable)
			wantRequeue := test.want - test.tracked
			if wantRequeue <= 0 {
				wantRequeue = 2 * time.Minute
			}
			if l.last.RequeueAfter != wantRequeue {
				t.Errorf("requeued after %v, want %v", l.last.RequeueAfter, wantRequeue)
			}
			end := max(test.tracked, test.want) + 2*time.Minute
			l.pollFor(end-test.tracked-time.Second, time.Second, unreachable)
			l.unfinished(t)
			l.wait(time.Second)
			l.poll(unreachable)
			if matrix.Row(l.task.Status) != matrix.Expired {
				t.Errorf("%v after creation it reads %s", l.now.Sub(created), matrix.Row(l.task.Status))
			}
		})
	}
}

// An object whose request was tracked for another one before, and not answered, does not end early, though the API
// server's clock is behind.
func TestDeadlineOfLaterObject(t *testing.T) {
	for sentence, resumed := range map[string]bool{"the other one is as it was created": false, "the other one was resumed": true} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			l.trackForOther(Decision{Restart: resumed})
			for range 4 {
				l.history = l.history.Observe(unreachable, l.health, l.now)
				l.wait(time.Minute)
			}
			l.task.CreationTimestamp = metav1.NewTime(l.now.Add(-4 * time.Minute)) // Now, as that clock has it.
			l.limit(10 * time.Second)
			l.pollFor(3*time.Minute, time.Second, unreachable) // A minute of that is what its clock may be behind.
			l.unfinished(t)
			l.pollFor(20*time.Second, time.Second, unreachable)
			if matrix.Row(l.task.Status) != matrix.Expired {
				t.Errorf("%v later it reads %s", l.now.Sub(created), matrix.Row(l.task.Status))
			}
		})
	}
}

// The deadline of an object that was resumed does not count from its creation either.
func TestDeadlineOfResumedObject(t *testing.T) {
	l := limited()
	l.pause(time.Hour)
	l.restart()
	l.trackForOther(Decision{}) // It is reconciled first.
	l.pollFor(9*time.Minute, time.Second, unreachable)
	l.unfinished(t)
	l.pollFor(4*time.Minute, time.Second, unreachable)
	if matrix.Row(l.task.Status) != matrix.Expired || l.text() != notAsked {
		t.Errorf("it reads %s: %s", matrix.Row(l.task.Status), l.text())
	}
}

// A deadline counts from the first answer.
func TestDeadlineStart(t *testing.T) {
	l := newLife()
	l.limit(10 * time.Minute)
	l.pollFor(9*time.Minute, time.Minute, throttled)
	l.wait(time.Minute - 1)
	l.poll(busy)
	if l.last.RequeueAfter != 10*time.Minute {
		t.Errorf("requeued after %v", l.last.RequeueAfter)
	}
	l.task.CreationTimestamp = metav1.NewTime(created.Add(-24 * time.Hour)) // It does not matter any more.
	l.restart()
	l.wait(9 * time.Minute)
	l.poll(busy)
	l.unfinished(t)
	l.wait(time.Minute)
	l.poll(busy)
	l.expired(t, stillRunning)
}

// The deadline is not an end without a limit.
func TestNoDeadline(t *testing.T) {
	for _, o := range []Observation{busy, unreachable, failure(clb.ProblemQueryRefused)} {
		l := newLife()
		l.pollFor(365*24*time.Hour, time.Hour, o)
		l.unfinished(t)
		if l.last.RequeueAfter != 0 {
			t.Errorf("requeued after %v", l.last.RequeueAfter)
		}
	}
}
