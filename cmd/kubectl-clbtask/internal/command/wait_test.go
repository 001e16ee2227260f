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

func TestWait(t *testing.T) {
	for sentence, test := range map[string]struct {
		world  func(b *bubble)
		args   []string
		code   exit.Code
		stdout string
		stderr []string // Parts of it, in their order.
		took   time.Duration
	}{
		"a task that succeeds": {
			func(b *bubble) {
				b.make("a")
				b.change(time.Second, "a", running)
				b.change(4*time.Second, "a", succeeded)
			}, []string{"a"},
			exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n",
			[]string{"[ 0s] a: Pending: Waiting for the controller\n", "[ 1s] a: Running, InProgress: The task is in progress.\n", "[ 4s] a: Succeeded, TaskSucceeded: The task succeeded.\n"}, 4 * time.Second,
		},
		"one that has succeeded before": {
			func(b *bubble) { b.make("a"); b.change(0, "a", succeeded); <-time.After(time.Second) }, []string{prefix + "a"},
			exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", nil, 0,
		},
		"one that fails, with the cloud's words in one line": {
			func(b *bubble) { b.make("a"); b.change(time.Second, "a", failed) }, []string{"a"},
			exit.Failed, prefix + "a failed: The task failed: No room for more.\n", nil, time.Second,
		},
		"one that the cloud does not know": {
			func(b *bubble) { b.make("a"); b.change(time.Second, "a", unknown) }, []string{"a"},
			exit.Unknown, prefix + "a unknown: The CLB API does not know it.\n", nil, time.Second,
		},
		"a name that is not there": {
			func(*bubble) {}, []string{"a"}, exit.NotFoundOut, "", []string{"[ 0s] a: not found\n", "a not found\n"}, 0,
		},
		"a task that is deleted": {
			func(b *bubble) { b.make("a"); b.change(2*time.Second, "a", nil) }, []string{"a"},
			exit.NotFoundOut, prefix + "a deleted before it had ended\n", nil, 2 * time.Second,
		},
		"a task that is suspended ends it at once": {
			func(b *bubble) { b.make("a", suspended) }, []string{"a"},
			exit.NotFoundOut, prefix + "a suspended: spec.suspend keeps it from being polled; set it to false, or wait with --allow-suspended\n", nil, 0,
		},
		"unless that is allowed": {
			func(b *bubble) { b.make("a", suspended); b.change(time.Minute, "a", succeeded) }, []string{"a", "--allow-suspended"},
			exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", []string{"a: Suspended, Pending"}, time.Minute,
		},
		"the time is over, and the last reason is told": {
			func(b *bubble) { b.make("a"); b.change(time.Second, "a", running) }, []string{"a", "--timeout=32s"},
			exit.TimedOut, prefix + "a not finished: for 31s it has been Running, InProgress: The task is in progress.\n",
			[]string{"[31s] a: Running", "timed out after 32s; the operator goes on"}, 32 * time.Second,
		},
		"no time looks once": {
			func(b *bubble) { b.make("a"); b.change(0, "a", running); <-time.After(time.Second) }, []string{"a", "--timeout=0"},
			exit.TimedOut, prefix + "a not finished: for 0s it has been Running, InProgress: The task is in progress.\n", nil, 0,
		},
		"a negative time waits for hours": {
			func(b *bubble) { b.make("a"); b.change(9*time.Hour, "a", succeeded) }, []string{"a", "--timeout=-1s"},
			exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", []string{"[15s] a: No operator", "[45s] a: Pending", "[1m15s] a: Pending"}, 9 * time.Hour,
		},
		"no operator in sight": {
			func(b *bubble) { b.make("a") }, []string{"a", "--timeout=20s"},
			exit.TimedOut, prefix + "a not finished: for 20s it has been Pending: Waiting for the controller. No operator has looked at it: is clbtask-operator running, and does it watch the namespace ns?\n",
			[]string{"[15s] a: No operator has looked at it"}, 20 * time.Second,
		},
		"all are waited for before it reports, and a failure decides": {
			func(b *bubble) {
				b.make("a")
				b.make("b")
				b.make("c")
				b.change(time.Second, "b", failed)
				b.change(2*time.Second, "c", unknown)
				b.change(time.Minute, "a", succeeded)
			}, []string{"--all"},
			exit.Failed, prefix + "a succeeded: lb-1, lb-2\n" + prefix + "b failed: The task failed: No room for more.\n" + prefix + "c unknown: The CLB API does not know it.\n",
			[]string{"[45s] 2 of 3 tasks have ended; waiting for a\n"}, time.Minute,
		},
		"the first failure ends it if told to": {
			func(b *bubble) {
				b.make("a")
				b.make("b")
				b.change(time.Second, "a", succeeded)
				b.change(2*time.Second, "b", failed)
				b.make("c")
			}, []string{"--all", "--fail-fast"},
			exit.Failed, "", nil, 2 * time.Second,
		},
		"one of the names is missing": {
			func(b *bubble) { b.make("a"); b.change(time.Second, "a", succeeded) }, []string{"a", "b"},
			exit.NotFoundOut, prefix + "a succeeded: lb-1, lb-2\n", []string{"b: not found"}, time.Second,
		},
		"-o name prints names, and says the rest on standard error": {
			func(b *bubble) { b.make("a"); b.make("b"); b.change(0, "a", failed); b.change(0, "b", succeeded) }, []string{"a", "b", "-o", "name"},
			exit.Failed, prefix + "a\n" + prefix + "b\n", []string{"a failed: The task failed"}, 0,
		},
		"-o jsonpath prints of several what is of a List": {
			func(b *bubble) { b.make("a"); b.make("b"); b.change(0, "a", unknown); b.change(0, "b", succeeded) }, []string{"a", "b", "-o", "jsonpath={.items[*].status.phase}"},
			exit.Unknown, "Unknown Succeeded", nil, 0,
		},
		"a format that there is not is refused at once": {
			func(b *bubble) { b.make("a") }, []string{"a", "-o", "xml"}, exit.NotFoundOut, "", []string{"error: unable to match a printer"}, 0,
		},
		"no name, no selector, no --all": {func(*bubble) {}, nil, exit.NotFoundOut, "", []string{"give names, or --selector, or --all"}, 0},
		"a name and --all":               {func(*bubble) {}, []string{"a", "--all"}, exit.NotFoundOut, "", []string{"give names, or --selector, or --all"}, 0},
		"a name in all namespaces":       {func(*bubble) {}, []string{"a", "-A"}, exit.NotFoundOut, "", []string{"a task is named in one namespace"}, 0},
		"nothing there to wait for":      {func(*bubble) {}, []string{"--all"}, exit.NotFoundOut, "", []string{"nothing to wait for"}, 0},
		"something that is no CLBTask":   {func(*bubble) {}, []string{"pod/a"}, exit.NotFoundOut, "", []string{"pod/a is no CLBTask"}, 0},
		"quiet says nothing in between":  {func(b *bubble) { b.make("a"); b.change(time.Hour, "a", succeeded) }, []string{"a", "-q", "--timeout=2h"}, exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", nil, time.Hour},
		"a flag that there is not":       {func(*bubble) {}, []string{"--forever"}, exit.NotFoundOut, "", []string{"error: unknown flag: --forever"}, 0},
		"an Unknown that is polled again": {func(b *bubble) {
			b.make("a")
			b.make("b")
			b.change(0, "a", unknown)
			b.change(time.Second, "a", running)
			b.change(2*time.Second, "b", succeeded)
			b.change(5*time.Second, "a", succeeded)
		}, []string{"--all"}, exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n" + prefix + "b succeeded: lb-1, lb-2\n", nil, 5 * time.Second},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				test.world(b)
				begun := time.Now()
				code, stdout, stderr := b.run(b.Context(), "", append([]string{"wait"}, test.args...)...)
				if took := time.Since(begun); code != test.code || took.Truncate(time.Second) != test.took || stdout != test.stdout && test.stdout != "" {
					t.Errorf("exit code %d after %s\n%s%s", code, took, stdout, stderr)
				}
				contains(t, stderr, test.stderr...)
			})
		})
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
