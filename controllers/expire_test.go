package controllers_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func withTTL(seconds int64) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.TTLSecondsAfterFinished = &seconds }
}

func labelled(key string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Labels = map[string]string{key: "shop"} }
}

// exists checks whether an object is there.
func (b *bubble) exists(name string, want bool) {
	b.Helper()
	err := b.client.Get(b.Context(), types.NamespacedName{Namespace: "default", Name: name}, new(v1alpha1.CLBTask))
	if (err == nil) != want || err != nil && !apierrors.IsNotFound(err) {
		b.Errorf("%s: %v, want it there: %v", name, err, want)
	}
}

// An object is deleted when its TTL is over, to the second, and no other.
func TestTTL(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("success", 0)
		b.cloud.fail("failure", "no such backend")
		b.cloud.add("slow", -1)
		for _, id := range []string{"success", "failure", "typo"} {
			b.apply(id, withTTL(60))
		}
		b.apply("slow", withTTL(60), withDeadline(30))
		b.apply("typo", named("held"), withTTL(0), suspend(true))
		b.cloud.add("busy", -1)
		b.apply("busy", withTTL(0))
		b.cloud.add("kept", 0)
		b.apply("kept")
		b.cloud.add("now", 5*time.Second)
		b.apply("now", withTTL(0))
		b.wait(4 * time.Second)
		b.exists("now", true)
		b.wait(3 * time.Second)
		b.exists("now", false) // At once.
		b.wait(51 * time.Second)
		for _, name := range []string{"success", "failure", "slow"} {
			b.exists(name, true)
		}
		b.wait(5 * time.Second)
		b.exists("success", false)
		b.exists("failure", false)
		b.exists("slow", true)
		b.wait(32 * time.Second)
		b.exists("slow", false)
		b.exists("typo", true)
		b.wait(20 * time.Minute)
		b.exists("typo", false)
		b.reads("held", matrix.Suspended)
		b.reads("busy", matrix.Running)
		b.reads("kept", matrix.Succeeded)
	})
}

// The default TTL spares what tools and owners keep.
func TestDefaultTTL(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate(func(o *controllers.Options) { o.DefaultTTL = time.Hour })
		b.cloud.add("task", 0)
		b.apply("task")
		b.apply("task", named("sooner"), withTTL(60))
		b.apply("task", named("flux"), labelled("kustomize.toolkit.fluxcd.io/name"))
		b.apply("task", named("flux-sooner"), labelled("kustomize.toolkit.fluxcd.io/name"), withTTL(60))
		b.apply("task", named("owned"), func(task *v1alpha1.CLBTask) {
			task.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1"}}
		})
		b.wait(2 * time.Minute)
		b.exists("sooner", false)
		b.exists("flux-sooner", false)
		b.exists("task", true)
		b.wait(56 * time.Minute)
		b.exists("task", true)
		b.wait(3 * time.Minute)
		b.exists("task", false) // To the second, since a sweep has found it before.
		b.wait(24 * time.Hour)
		b.exists("flux", true)
		b.exists("owned", true)
	})
}

// A TTL that is given, changed or taken back later counts, also over a restart.
func TestChangedTTL(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		stop := b.operate()
		b.cloud.add("task", 0)
		b.apply("task", named("given"))
		b.apply("task", named("lengthened"), withTTL(60))
		b.apply("task", named("shortened"), withTTL(24*3600))
		b.apply("task", named("taken-back"), withTTL(60))
		b.apply("typo", named("unknown"))
		b.wait(30 * time.Second)
		b.change("given", withTTL(60))
		b.change("lengthened", withTTL(3600))
		b.change("shortened", withTTL(60))
		b.change("taken-back", func(task *v1alpha1.CLBTask) { task.Spec.TTLSecondsAfterFinished = nil })
		b.wait(7 * time.Minute)
		b.exists("given", false)
		b.exists("lengthened", true)
		b.exists("shortened", false)
		b.exists("taken-back", true)
		b.reads("unknown", matrix.UnknownWith("TaskNotFound"))
		b.change("unknown", withTTL(1))
		b.wait(time.Second)
		b.exists("unknown", false) // It is watched.
		stop()
		b.operate()
		b.wait(2 * time.Hour)
		b.exists("lengthened", false)
		b.exists("taken-back", true)
	})
}

// An end that lies ahead, as another clock had it, defers the deletion.
func TestTTLOfFutureEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 0)
		b.apply("task")
		b.wait(10 * time.Second)
		b.change("task", withTTL(60))
		task := b.get("task")
		task.Status.CompletionTime = new(metav1.NewTime(time.Now().Add(20 * time.Minute)))
		if err := b.client.Status().Update(b.Context(), task); err != nil {
			b.Fatal(err)
		}
		b.wait(20*time.Minute + 58*time.Second)
		b.exists("task", true)
		b.wait(4 * time.Second)
		b.exists("task", false)
	})
}

// What changes between the look and the deletion keeps the object.
func TestTTLPreconditions(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		meanwhile func(b *bubble)
		kept      bool
	}{
		"another object has the name": {func(b *bubble) {
			b.delete("task")
			b.cloud.add("next", -1)
			b.apply("next", named("task"))
		}, true},
		"its TTL is longer": {func(b *bubble) { b.change("task", withTTL(24*3600)) }, true},
		"a label is new":    {func(b *bubble) { b.change("task", labelled("example.com/name")) }, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.cloud.add("task", 0)
				b.apply("task", withTTL(30))
				deletions := 0
				b.cluster.SetFault(func(r *http.Request) error {
					if r.Method == http.MethodDelete {
						deletions++
						if deletions == 1 {
							test.meanwhile(b)
						}
					}
					return nil
				})
				b.wait(time.Minute)
				b.exists("task", test.kept)
				if want := map[bool]int{true: 1, false: 2}[test.kept]; deletions != want {
					b.Errorf("%d attempts to delete it, want %d", deletions, want)
				}
			})
		})
	}
}

// A deletion that is refused or lost is tried again, and stops no other.
func TestTTLDeletionFails(t *testing.T) {
	t.Parallel()
	for sentence, failure := range map[string]error{
		"it is forbidden":   apierrors.NewForbidden(tasksResource, "bad", errors.New("denied")),
		"the network fails": errors.New("no route"),
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				for _, id := range []string{"bad", "good"} {
					b.cloud.add(id, 0)
					b.apply(id, withTTL(10))
				}
				b.cluster.SetFault(func(r *http.Request) error {
					if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, "/bad") {
						return failure
					}
					return nil
				})
				b.wait(time.Hour)
				b.exists("bad", true)
				b.exists("good", false)
				attempts := 0
				for _, request := range b.cluster.Requests() {
					if request.Verb == "delete" {
						attempts++
					}
				}
				if attempts > 50 {
					b.Errorf("%d attempts in an hour", attempts)
				}
				b.cluster.SetFault(nil)
				b.wait(20 * time.Minute)
				b.exists("bad", false)
			})
		})
	}
}

// One that is asked about again is not deleted before that is done.
func TestTTLOfReopened(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("typo", withTTL(600))
		b.wait(10 * time.Minute)
		b.reads("typo", matrix.UnknownWith("TaskNotFound"))
		b.cloud.add("typo", time.Hour)
		b.force("typo", "one")
		b.wait(30 * time.Minute)
		b.reads("typo", matrix.Running)
		b.wait(45 * time.Minute)
		b.exists("typo", false)
	})
}

// An object that is finished and being deleted is left alone: it has a finalizer.
func TestTTLOfDeleted(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.cloud.add("task", 0)
		stop := b.operate()
		b.apply("task")
		b.wait(5 * time.Second)
		b.reads("task", matrix.Succeeded)
		stop()
		b.change("task", func(task *v1alpha1.CLBTask) {
			withTTL(0)(task)
			task.DeletionTimestamp, task.Finalizers = new(metav1.Now()), []string{"example.com/f"}
		})
		b.operate()
		b.wait(time.Hour)
		b.exists("task", true)
	})
}

// A backlog is worked off sweep by sweep.
func TestTTLBacklog(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	inBubble(t, func(b *bubble) {
		stop := b.operate()
		const n = 400
		for i := range n {
			id := fmt.Sprint("task-", i)
			b.cloud.add(id, 0)
			b.apply(id)
		}
		b.wait(5 * time.Minute)
		stop()
		b.operate(func(o *controllers.Options) { o.DefaultTTL = time.Minute })
		b.wait(7 * time.Minute)
		if left := len(b.all()); left != 0 {
			b.Errorf("%d of %d are left", left, n)
		}
	})
}
