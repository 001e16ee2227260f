package lifecycle

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// annotate gives the annotation that asks for a poll a value.
func (l *life) annotate(token string) {
	l.task.Annotations = annotation(token)
}

func (l *life) handled(t *testing.T, want string) {
	t.Helper()
	if got := l.task.Status.LastHandledReconcileAt; got != want {
		t.Errorf("the status names the token %q, want %q", got, want)
	}
}

// forced checks whether the last decision forced a poll.
func (l *life) forced(t *testing.T, want bool, requeueAfter time.Duration) {
	t.Helper()
	if l.last.Force != want || l.last.Expedite != want || l.last.RequeueAfter != requeueAfter {
		t.Errorf("force %v, expedite %v, requeue after %v, want %v and %v", l.last.Force, l.last.Expedite, l.last.RequeueAfter, want, requeueAfter)
	}
}

// A new value of the annotation forces one poll, and nothing else of the status changes.
func TestForcedPoll(t *testing.T) {
	for sentence, before := range map[string]func(*life){
		"a fresh task":          func(*life) {},
		"one in progress":       func(l *life) { l.poll(busy) },
		"one with a problem":    func(l *life) { l.pollFor(time.Minute, time.Second, denied) },
		"one that is not found": func(l *life) { l.pollFor(time.Minute, time.Second, notFound) },
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			before(l)
			want := *l.task.Status.DeepCopy()
			l.annotate("")
			l.reconcile()
			l.forced(t, false, 0)
			for _, token := range []string{"2026-01-02T03:04:05Z", "again", "2026-01-02T03:04:05Z"} {
				l.wait(time.Hour)
				l.annotate(token)
				l.reconcile()
				l.forced(t, true, 0)
				want.LastHandledReconcileAt = token
				if got := l.task.Status; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%+v\nwant %+v", got, want)
				}
				l.reconcile()
				l.forced(t, false, 0)
				if l.last.Changed {
					t.Error("written again")
				}
			}
		})
	}
}

// Between two forced polls are five seconds.
func TestForcedPollInterval(t *testing.T) {
	l := newLife()
	l.poll(busy)
	l.annotate("one")
	l.reconcile()
	l.forced(t, true, 0)
	l.wait(time.Second)
	l.annotate("two")
	l.reconcile()
	l.forced(t, false, 4*time.Second)
	l.handled(t, "one")
	l.wait(3 * time.Second)
	l.annotate("three") // The last one counts.
	l.poll(busy)
	l.forced(t, false, time.Second)
	l.wait(time.Second)
	l.reconcile()
	l.forced(t, true, 0)
	l.handled(t, "three")
	l.annotate("four")
	l.wait(-time.Hour) // A clock that is put back.
	l.reconcile()
	l.forced(t, true, 0)
}

// A status that could not be written forces no second poll, and is written all the same.
func TestForcedPollUnwritten(t *testing.T) {
	for sentence, before := range map[string]func(*life){
		"one in progress": func(l *life) { l.poll(busy) },
		"one that ended":  func(l *life) { l.pollFor(time.Minute, time.Second, noSuchRegion) },
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			before(l)
			l.wait(time.Minute)
			was := *l.task.Status.DeepCopy()
			l.annotate("one")
			for i := range 3 {
				l.task.Status = *was.DeepCopy()
				l.reconcile()
				if l.last.Force != (i == 0) || l.last.Restart != was.Phase.Final() || !l.last.Changed || !l.last.Poll {
					t.Errorf("%d: %+v", i, l.last)
				}
			}
			l.handled(t, "one")
		})
	}
}

// Two tasks of one request that ask at once force one poll.
func TestForcedPollOfTwo(t *testing.T) {
	a, b := freshTask(), freshTask()
	a.UID, b.UID = "a", "b"
	a.Annotations, b.Annotations = annotation("one"), annotation("one")
	var h History
	forA, forB := policy.Decide(a, h, Health{}, created), policy.Decide(b, h, Health{}, created)
	h, first := h.Track(a, forA, created)
	h, second := h.Track(b, forB, created.Add(time.Millisecond))
	if !first || second || !forB.Changed {
		t.Errorf("expedited: %v, %v", first, second)
	}
	if d := policy.Decide(b, h, Health{}, created.Add(5*time.Second)); !d.Force {
		t.Errorf("%+v", d)
	}
}

// A long value counts by its first characters.
func TestLongToken(t *testing.T) {
	l := newLife()
	l.poll(busy)
	long := strings.Repeat("原", v1alpha1.MaxTokenLength)
	l.annotate(long + "x")
	l.reconcile()
	l.handled(t, long)
	l.wait(time.Minute)
	l.annotate(long + "y")
	l.reconcile()
	if l.last.Changed || utf8.RuneCountInString(l.task.Status.LastHandledReconcileAt) != v1alpha1.MaxTokenLength {
		t.Errorf("%+v", l.last)
	}
}

// A verdict is not polled again, but names the token.
func TestForcedVerdict(t *testing.T) {
	for sentence, end := range map[string]func(*life){
		"success":  func(l *life) { l.poll(success) },
		"failure":  func(l *life) { l.poll(failed) },
		"deadline": func(l *life) { l.limit(time.Second); l.poll(busy); l.wait(time.Second); l.poll(busy) },
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			end(l)
			row := matrix.Row(l.task.Status)
			for _, suspended := range []bool{false, true} {
				l.suspend(suspended)
				l.annotate(strconv.FormatBool(suspended))
				l.wait(time.Second)
				l.reconcile()
				if l.last.Poll || l.last.Force || matrix.Row(l.task.Status) != row {
					t.Errorf("%+v", l.last)
				}
				l.handled(t, strconv.FormatBool(suspended))
			}
		})
	}
}

// A suspended task waits for its resumption.
func TestForcedWhileSuspended(t *testing.T) {
	l := newLife()
	l.poll(busy)
	l.suspend(true)
	l.reconcile()
	l.annotate("one")
	l.wait(time.Hour)
	l.reconcile()
	l.handled(t, "")
	if l.last.Changed || l.last.Poll {
		t.Errorf("%+v", l.last)
	}
	l.suspend(false)
	l.reconcile()
	l.handled(t, "one")
	l.wrote(t, matrix.Running, matrix.Suspended, matrix.Pending)

	l = givenUp(noSuchRegion)
	l.suspend(true)
	l.annotate("one")
	l.reconcile()
	l.handled(t, "")
}

// A refusal that is confirmed does not end a task before the poll that is forced now.
func TestForcedBeforeRefusal(t *testing.T) {
	l := newLife()
	l.shared = true // As long as the annotation asks, the request is not forgotten.
	l.pollFor(29*time.Second, time.Second, noSuchRegion)
	l.observe(noSuchRegion, true)
	l.wait(time.Second)
	l.observe(noSuchRegion, true)
	l.annotate("one")
	l.reconcile()
	l.unfinished(t)
	l.handled(t, "one")
	l.annotate("two") // Too early: the end stands, and is left again.
	l.poll(noSuchRegion)
	l.unknown(t, clb.ProblemInvalidRegion)
	l.handled(t, "one")
	for left := 5 * time.Second; left > 0; left -= time.Second {
		if l.last.RequeueAfter != left {
			t.Errorf("%+v", l.last)
		}
		l.wait(time.Second)
		l.reconcile()
	}
	l.unfinished(t)
	l.handled(t, "two")
}
