package lifecycle

import (
	"fmt"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// If no poll is answered, the deadline stands after two minutes.
func TestUnanswered(t *testing.T) {
	for sentence, test := range map[string]struct {
		before, after func(l *life, o Observation)
		failure       Observation
	}{
		"the request is polled, the endpoint fails":           {(*life).poll, (*life).poll, unreachable},
		"the request is polled, the account fails":            {(*life).poll, (*life).poll, denied},
		"the request is polled, the quota is used up":         {(*life).poll, (*life).poll, throttled},
		"others are polled, the endpoint fails":               {(*life).around, (*life).around, unreachable},
		"others are polled, the account fails":                {(*life).around, (*life).around, denied},
		"the request was polled, then others, which fail too": {(*life).poll, (*life).around, unreachable},
	} {
		for _, since := range []time.Duration{time.Minute, 10 * time.Minute, 11 * time.Minute} {
			t.Run(fmt.Sprintf("%s, %v after creation", sentence, since), func(t *testing.T) {
				l := limited()
				for ; l.now.Sub(created) < since; l.wait(30 * time.Second) {
					l.poll(busy)
					if l.last.Poll == false {
						t.Skip("answered after the deadline")
					}
				}
				test.before(l, test.failure)
				end := max(since, 10*time.Minute) + 2*time.Minute
				for l.wait(30 * time.Second); l.now.Sub(created) < end; l.wait(30 * time.Second) {
					l.unfinished(t)
					test.after(l, test.failure)
				}
				l.reconcile()
				l.unfinished(t)
				test.after(l, test.failure)
				l.expired(t, notAsked)
			})
		}
	}
}

// A failure before the deadline is no last poll.
func TestFailureBeforeDeadline(t *testing.T) {
	for sentence, fail := range map[string]func(*life){
		"of the request": func(l *life) { l.poll(unreachable) },
		"of others":      func(l *life) { l.around(unreachable) },
		"of the account": func(l *life) { l.around(denied) },
	} {
		t.Run(sentence, func(t *testing.T) {
			l := limited()
			l.wait(10*time.Minute - time.Second)
			fail(l)
			l.wait(time.Hour) // The operator hung.
			l.reconcile()
			l.unfinished(t)
			if !l.last.Expedite {
				t.Error("the last poll is not expedited")
			}
			l.poll(success)
			l.wrote(t, matrix.Running, matrix.Succeeded)
		})
	}
}

// Failures far apart are not two minutes of polls.
func TestFailuresFarApart(t *testing.T) {
	for sentence, fail := range map[string]func(*life, Observation){
		"of the request": (*life).poll,
		"of others":      (*life).around,
	} {
		for _, failure := range []Observation{unreachable, denied} {
			for _, at := range []time.Duration{-time.Second, 0, time.Second} {
				t.Run(fmt.Sprintf("%s, %s, the first one %v after the deadline", sentence, failure.Err.Problem, at), func(t *testing.T) {
					l := limited()
					l.wait(10*time.Minute + at)
					fail(l, failure)
					l.wait(5 * time.Minute) // Nobody polls.
					fail(l, failure)
					l.unfinished(t)
					l.wait(time.Minute)
					l.reconcile()
					l.unfinished(t)
					l.poll(success)
					if matrix.Row(l.task.Status) != matrix.Succeeded {
						t.Errorf("it reads %s", matrix.Row(l.task.Status))
					}
				})
			}
		}
	}
}

// One failure on each side of the deadline ends nothing.
func TestFailuresAroundDeadline(t *testing.T) {
	l := limited()
	l.wait(10*time.Minute - time.Minute)
	l.poll(unreachable)
	l.wait(2 * time.Minute)
	l.poll(unreachable)
	l.wait(time.Minute + time.Second)
	l.reconcile()
	l.unfinished(t)
}
