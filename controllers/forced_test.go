package controllers_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// force asks for a poll by the annotation.
func (b *bubble) force(name, token string) {
	b.Helper()
	b.change(name, func(task *v1alpha1.CLBTask) {
		task.Annotations = map[string]string{v1alpha1.AnnotationReconcileRequestedAt: token}
	})
}

func (b *bubble) handled(name, want string) {
	b.Helper()
	if got := b.get(name).Status.LastHandledReconcileAt; got != want {
		b.Errorf("%s names the token %q, want %q", name, got, want)
	}
}

// pollsWithin returns how many polls arrive within a time, from the given changes on.
func (b *bubble) pollsWithin(d time.Duration, changes ...func()) int {
	before := len(b.cloud.polled(""))
	for _, change := range changes {
		change()
	}
	b.wait(d)
	return len(b.cloud.polled("")) - before
}

// The annotation brings a poll at once, one write, and the verdict if there is one.
func TestForcedPoll(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", -1)
		b.apply("task")
		b.wait(2 * time.Hour) // It is polled every 30 s by now.
		for b.pollsWithin(time.Second) == 0 {
			continue
		}
		writes := b.cluster.StatusWrites(b.get("task").UID)
		if n := b.pollsWithin(5 * time.Second); n != 0 {
			b.Fatalf("%d polls", n)
		}
		if n := b.pollsWithin(100*time.Millisecond, func() { b.force("task", "one") }); n != 1 {
			b.Errorf("%d polls, want one at once", n)
		}
		b.handled("task", "one")
		b.reads("task", matrix.Running)
		if n := b.cluster.StatusWrites(b.get("task").UID) - writes; n != 1 {
			b.Errorf("%d status writes, want one that names the token", n)
		}
		b.change("task", func(task *v1alpha1.CLBTask) { task.Annotations["other"] = "x" })
		if n := b.pollsWithin(10 * time.Second); n != 0 {
			b.Errorf("%d polls for another annotation", n)
		}
		b.cloud.add("task", 0)
		b.force("task", "two")
		b.wait(2 * time.Second)
		b.reads("task", matrix.Succeeded)
		b.handled("task", "two")
	})
}

// However often somebody asks, at most one poll in 5 s is forced, and others are not
// held up.
func TestForcedPollsAreBounded(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	inBubble(t, func(b *bubble) {
		b.operate()
		for _, id := range []string{"task", "other"} {
			b.cloud.add(id, -1)
			b.apply(id)
		}
		b.wait(2 * time.Hour)
		writes := b.cluster.StatusWrites(b.get("task").UID)
		before := len(b.cloud.polled("task"))
		for i := range 20 * 100 {
			b.force("task", strconv.Itoa(i))
			b.wait(10 * time.Millisecond)
		}
		polls := b.cloud.polled("task")[before:]
		if len(polls) < 4 || len(polls) > 6 {
			b.Errorf("%d polls in 20 s, want one in 5 s", len(polls))
		}
		for i := 2; i < len(polls); i++ { // The usual ones come in between, at most every 27 s.
			if gap := polls[i].at.Sub(polls[i-2].at); gap < 5*time.Second {
				b.Errorf("three polls within %v", gap)
			}
		}
		if n := b.cluster.StatusWrites(b.get("task").UID) - writes; n > 5 {
			b.Errorf("%d status writes", n)
		}
		b.wait(5 * time.Second)
		b.handled("task", strconv.Itoa(20*100-1)) // The last one counts.
	})
}

// A task that ended without a verdict is taken up again, with all that a fresh one has.
func TestReopened(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("task")
		b.wait(10 * time.Minute)
		b.reads("task", matrix.UnknownWith("TaskNotFound"))
		uid := b.get("task").UID
		writes := b.cluster.StatusWrites(uid)
		if n := b.pollsWithin(time.Hour); n != 0 {
			b.Fatalf("%d polls after the end", n)
		}
		b.cluster.SetFault(func(r *http.Request) error { // The first write is lost.
			if testenv.IsStatusWrite(r) {
				b.cluster.SetFault(nil)
				return errors.New("no route")
			}
			return nil
		})
		if n := b.pollsWithin(time.Second, func() { b.force("task", "one") }); n < 1 {
			b.Error("it is not polled at once")
		}
		b.handled("task", "one")
		if s := b.get("task").Status; s.CompletionTime != nil || s.Message != "" || s.Phase != v1alpha1.PhasePending {
			b.Errorf("%+v", s)
		}
		b.wait(110 * time.Second) // Within the grace.
		b.reads("task", matrix.PendingWith("TaskNotFound"))
		b.wait(40 * time.Second)
		b.reads("task", matrix.UnknownWith("TaskNotFound"))
		if n := b.cluster.StatusWrites(uid) - writes; n > 3 {
			b.Errorf("%d status writes", n)
		}
		var reasons []string
		for _, event := range b.cluster.Events(types.NamespacedName{Namespace: "default", Name: "task"}) {
			reasons = append(reasons, event.Type+" "+event.Reason+" "+event.Action)
		}
		if got := strings.Join(reasons, ", "); !strings.Contains(got, "Normal Pending Resume") {
			b.Errorf("events: %s", got)
		}

		b.cloud.add("task", 3*time.Second)
		b.force("task", "two")
		b.wait(time.Second)
		b.reads("task", matrix.Running)
		b.wait(35 * time.Second) // Its age is that of the object.
		b.reads("task", matrix.Succeeded)
	})
}

// The annotation counts, no matter when the operator sees it.
func TestForcedWhileAway(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		stop := b.operate()
		b.apply("typo")
		b.cloud.add("held", -1)
		b.apply("held", suspend(true))
		b.wait(10 * time.Minute)
		b.reads("typo", matrix.UnknownWith("TaskNotFound"))
		stop()
		b.cloud.add("typo", time.Hour)
		for _, id := range []string{"typo", "held"} {
			b.force(id, "one")
		}
		b.operate()
		b.wait(3 * time.Second)
		b.reads("typo", matrix.Running)
		b.handled("typo", "one")
		b.reads("held", matrix.Suspended)
		b.wait(time.Hour)
		b.handled("held", "")
		b.change("held", suspend(false))
		b.wait(time.Second)
		b.reads("held", matrix.Running)
		b.handled("held", "one")
	})
}

// A verdict names the token within a sweep, and is not polled.
func TestForcedVerdict(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 0)
		b.apply("task")
		b.wait(time.Minute)
		b.reads("task", matrix.Succeeded)
		b.force("task", "one")
		if n := b.pollsWithin(7 * time.Minute); n != 0 {
			b.Errorf("%d polls after the verdict", n)
		}
		b.handled("task", "one")
		b.reads("task", matrix.Succeeded)
	})
}

// The annotation ends the backoff of a request that is refused.
func TestForcedPollEndsBackoff(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("task")
		b.wait(65 * time.Second) // It is polled every 30 s by now, but for its refusals every 6 s.
		if n := b.pollsWithin(15*time.Second, func() { b.force("task", "one") }); n < 3 {
			b.Errorf("%d polls", n)
		}
	})
}

// Objects of one request share what is forced.
func TestForcedPollOfSharedRequest(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", -1)
		for _, name := range []string{"a", "b"} {
			b.apply("task", named(name))
		}
		b.wait(2 * time.Hour)
		before := len(b.cloud.polled("task"))
		for i := range 1200 {
			b.force(string("ab"[i%2]), strconv.Itoa(i))
			b.wait(10 * time.Millisecond)
		}
		if n := len(b.cloud.polled("task")) - before; n > 5 {
			b.Errorf("%d polls in 12 s", n)
		}
		b.wait(time.Minute)
		b.handled("a", "1198")
		b.handled("b", "1199")
	})
}
