package command

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

const prefix = "clbtask.clb.tencentcloud.com/"

// change is what happens to a task, in seconds after the plugin begins; -1 is before that.
type change struct {
	after int
	name  string
	to    func(*v1alpha1.CLBTask) // nil if it is deleted.
}

// waitTest is a call of wait.
type waitTest struct {
	tasks   string // That are there before, by their names.
	changes []change
	args    string
	code    exit.Code
	stdout  string
	stderr  []string // Parts of it, in their order.
	took    int      // In seconds.
}

func (test waitTest) run(t *testing.T) {
	inBubble(t, func(b *bubble) {
		for _, name := range strings.Fields(test.tasks) {
			b.make(name)
		}
		for _, change := range test.changes {
			b.change(time.Duration(change.after+1)*time.Second, change.name, change.to)
		}
		<-time.After(time.Second)
		begun := time.Now()
		code, stdout, stderr := b.run(b.Context(), "", append([]string{"wait"}, strings.Fields(test.args)...)...)
		if took := int(time.Since(begun).Seconds()); code != test.code || took != test.took || stdout != test.stdout {
			t.Errorf("exit code %d after %d s\n%s%s", code, took, stdout, stderr)
		}
		contains(t, stderr, test.stderr...)
	})
}

func TestWait(t *testing.T) {
	for sentence, test := range map[string]waitTest{
		"a task that succeeds": {"a", []change{{1, "a", running}, {4, "a", succeeded}}, "a", exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", []string{
			"[ 0s] a: Pending: Waiting for the controller\n", "[ 1s] a: Running, InProgress: The task is in progress.\n", "[ 4s] a: Succeeded, TaskSucceeded: The task succeeded.\n",
		}, 4},
		"one that has succeeded before":                      {"a", []change{{-1, "a", succeeded}}, prefix + "a", exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", nil, 0},
		"one that fails, with the cloud's words in one line": {"a", []change{{1, "a", failed}}, "a", exit.Failed, prefix + "a failed: The task failed: No room for more.\n", nil, 1},
		"one that the cloud does not know":                   {"a", []change{{1, "a", unknown}}, "a", exit.Unknown, prefix + "a unknown: The CLB API does not know it.\n", nil, 1},
		"a name that is not there":                           {"", nil, "a", exit.NotFoundOut, "", []string{"[ 0s] a: not found\n", "a not found\n"}, 0},
		"a task that is deleted":                             {"a", []change{{2, "a", nil}}, "a", exit.NotFoundOut, prefix + "a deleted before it had ended\n", nil, 2},
		"a task that is suspended ends it at once": {"a", []change{{-1, "a", suspended}}, "a", exit.NotFoundOut,
			prefix + "a suspended: spec.suspend keeps it from being polled; set it to false, or wait with --allow-suspended\n", nil, 0},
		"unless that is allowed": {"a", []change{{-1, "a", suspended}, {60, "a", succeeded}}, "a --allow-suspended", exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", []string{"a: Suspended, Pending"}, 60},
		"the time is over, and the last reason is told": {"a", []change{{1, "a", running}}, "a --timeout=32s", exit.TimedOut,
			prefix + "a not finished: for 31s it has been Running, InProgress: The task is in progress.\n", []string{"[31s] a: Running", "timed out after 32s; the operator goes on"}, 32},
		"no time looks once": {"a", []change{{-1, "a", running}}, "a --timeout=0", exit.TimedOut, prefix + "a not finished: for 0s it has been Running, InProgress: The task is in progress.\n", nil, 0},
		"a negative time waits for hours": {"a", []change{{9 * 3600, "a", succeeded}}, "a --timeout=-1s", exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n",
			[]string{"[15s] a: No answer for it yet", "[45s] a: Pending", "[1m15s] a: Pending"}, 9 * 3600},
		"no operator in sight": {"a", nil, "a --timeout=20s", exit.TimedOut,
			prefix + "a not finished: for 20s it has been Pending: Waiting for the controller. No answer for it yet: does clbtask-operator run, and watch the namespace ns? If so, the first poll may wait for the quota.\n",
			[]string{"[15s] a: No answer for it yet"}, 20},
		"quiet says nothing in between": {"a", []change{{3600, "a", succeeded}}, "a -q --timeout=2h", exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", nil, 3600},
	} {
		t.Run(sentence, test.run)
	}
}

func TestWaitForSeveral(t *testing.T) {
	for sentence, test := range map[string]waitTest{
		"all are waited for before it reports, and a failure decides": {"a b c", []change{{1, "b", failed}, {2, "c", unknown}, {60, "a", succeeded}}, "--all", exit.Failed,
			prefix + "a succeeded: lb-1, lb-2\n" + prefix + "b failed: The task failed: No room for more.\n" + prefix + "c unknown: The CLB API does not know it.\n",
			[]string{"[45s] 2 of 3 tasks have ended; waiting for a\n"}, 60},
		"the first failure ends it if told to": {"a b c", []change{{1, "a", succeeded}, {1, "c", running}, {2, "b", failed}}, "--all --fail-fast", exit.Failed,
			prefix + "a succeeded: lb-1, lb-2\n" + prefix + "b failed: The task failed: No room for more.\n" + prefix + "c not finished: for 1s it has been Running, InProgress: The task is in progress.\n", nil, 2},
		"one of the names is missing": {"a", []change{{1, "a", succeeded}}, "a b", exit.NotFoundOut, prefix + "a succeeded: lb-1, lb-2\n", []string{"b: not found"}, 1},
		"an Unknown that is polled again": {"a b", []change{{-1, "a", unknown}, {1, "a", running}, {2, "b", succeeded}, {5, "a", succeeded}}, "--all", exit.Succeeded,
			prefix + "a succeeded: lb-1, lb-2\n" + prefix + "b succeeded: lb-1, lb-2\n", nil, 5},
		"-o name prints names, and says the rest on standard error": {"a b", []change{{-1, "a", failed}, {-1, "b", succeeded}}, "a b -o name", exit.Failed, prefix + "a\n" + prefix + "b\n",
			[]string{"a failed: The task failed"}, 0},
		"-o jsonpath prints of several what is of a List": {"a b", []change{{-1, "a", unknown}, {-1, "b", succeeded}}, "a b -o jsonpath={.items[*].status.phase}", exit.Unknown, "Unknown Succeeded", nil, 0},
	} {
		t.Run(sentence, test.run)
	}
}

func TestWaitRefuses(t *testing.T) {
	for sentence, test := range map[string]struct{ tasks, args, stderr string }{
		"a format that there is not":     {"a", "a -o xml", "error: unable to match a printer"},
		"no name, no selector, no --all": {"a", "", "give names, or --selector, or --all"},
		"a name and --all":               {"a", "a --all", "give names, or --selector, or --all"},
		"a name in all namespaces":       {"a", "a -A", "a task is named in one namespace"},
		"nothing there to wait for":      {"", "--all", "nothing to wait for"},
		"something that is no CLBTask":   {"a", "pod/a", "pod/a is no CLBTask"},
		"a flag that there is not":       {"a", "--forever", "error: unknown flag: --forever"},
	} {
		t.Run(sentence, waitTest{tasks: test.tasks, args: test.args, code: exit.NotFoundOut, stderr: []string{test.stderr}}.run)
	}
}

// contains checks that a text has parts in their order.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("there is no %q in its place in\n%s", part, text[:min(2000, len(text))])
			return
		}
		rest = after
	}
}

func TestWaitMeetsTrouble(t *testing.T) {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "clbtasks"}
	forbidden := apierrors.NewForbidden(resource, "a", errors.New("no"))
	for sentence, test := range map[string]struct {
		trouble func(b *bubble)
		code    exit.Code
		stderr  string
		took    time.Duration
	}{
		"watches that end":                             {func(b *bubble) { time.AfterFunc(3*time.Second, b.cluster.EndWatches) }, exit.Succeeded, "", 10 * time.Second},
		"an API server without WatchList":              {func(b *bubble) { b.cluster.DisableWatchList() }, exit.Succeeded, "", 10 * time.Second},
		"versions that are too old":                    {func(b *bubble) { time.AfterFunc(3*time.Second, func() { b.cluster.Expire(func() {}) }) }, exit.Succeeded, "", 10 * time.Second},
		"nobody may list":                              {func(b *bubble) { b.refuse(forbidden, func(*http.Request) bool { return true }) }, exit.NotFoundOut, "is forbidden", 0},
		"it may list but not watch":                    {func(b *bubble) { b.refuse(forbidden, isWatch) }, exit.NotFoundOut, "the tasks cannot be watched: clbtasks.clb.tencentcloud.com \"a\" is forbidden", 0},
		"the API server is not there at the beginning": {func(b *bubble) { b.refuse(errors.New("connection refused"), func(*http.Request) bool { return true }) }, exit.NotFoundOut, "connection refused", 0},
		"it goes away in between, and comes back": {func(b *bubble) {
			time.AfterFunc(time.Second, func() {
				b.refuse(errors.New("connection refused"), func(*http.Request) bool { return true })
				b.cluster.EndWatches()
			})
			time.AfterFunc(80*time.Second, func() { b.cluster.SetFault(nil) })
		}, exit.Succeeded, "(the API server does not answer: ", -1},
		"it goes away, and stays away": {func(b *bubble) {
			time.AfterFunc(time.Second, func() {
				b.refuse(errors.New("connection refused"), func(*http.Request) bool { return true })
				b.cluster.EndWatches()
			})
		}, exit.TimedOut, "(the API server does not answer: ", 10 * time.Minute},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.make("a")
				b.change(10*time.Second, "a", succeeded)
				test.trouble(b)
				begun := time.Now()
				code, stdout, stderr := b.run(b.Context(), "", "wait", "a")
				if took := time.Since(begun).Truncate(time.Second); code != test.code || took != test.took && test.took >= 0 || !strings.Contains(stderr, test.stderr) {
					t.Errorf("exit code %d after %s\n%s%s", code, took, stdout, stderr)
				}
				<-time.After(time.Minute) // For what the test changes.
			})
		})
	}
}

// A task that is deleted after the first look and before the watch is not waited for.
func TestDeletedInBetween(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.make("a")
		b.cluster.SetFault(func(request *http.Request) error {
			if isWatch(request) {
				b.cluster.SetFault(nil)
				return b.client.Delete(request.Context(), &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "a"}})
			}
			return nil
		})
		begun := time.Now()
		code, stdout, stderr := b.run(b.Context(), "", "wait", "a")
		if code != exit.NotFoundOut || stdout != prefix+"a deleted before it had ended\n" || time.Since(begun) > time.Second {
			t.Errorf("exit code %d after %s\n%s%s", code, time.Since(begun), stdout, stderr)
		}
	})
}

// What the watch begins with may be older than what was seen before.
func TestNoStateIsToldTwice(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.make("a")
		b.change(50*time.Millisecond, "a", running)
		b.change(2*time.Second, "a", succeeded)
		_, _, stderr := b.run(b.Context(), "", "wait", "a")
		for _, state := range []string{"a: Pending", "a: Running", "a: Succeeded"} {
			if strings.Count(stderr, state) != 1 {
				t.Fatalf("%s is not told once:\n%s", state, stderr)
			}
		}
	})
}

func TestInterrupted(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.make("a")
		ctx, cancel := context.WithTimeoutCause(b.Context(), 5*time.Second, nil)
		defer cancel()
		interrupted, stop := context.WithCancel(context.WithoutCancel(ctx))
		context.AfterFunc(ctx, stop)
		code, stdout, stderr := b.run(interrupted, "", "wait", "a")
		if code != exit.Interrupted || !strings.HasPrefix(stdout, prefix+"a not finished: for 5s") || !strings.Contains(stderr, "interrupted; the operator goes on") {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	})
}
