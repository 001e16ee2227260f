package controllers_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// In a sweep, the trouble of one object stops no other.

// edit changes the spec of an object in such a way that a status must follow.
func edit(task *v1alpha1.CLBTask) { task.Spec.ActiveDeadlineSeconds = 60 }

func (b *bubble) isObserved(name string) bool {
	b.Helper()
	task := b.get(name)
	return task.Status.ObservedGeneration == task.Generation
}

// A refused object stops no sweep.
func TestSweepRefusedObject(t *testing.T) {
	t.Parallel()
	for sentence, refusal := range map[string]error{
		"a webhook that denies the write":       apierrors.NewForbidden(tasksResource, "b", errors.New("denied by a webhook")),
		"a webhook that finds the write faulty": apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("CLBTask").GroupKind(), "b", nil),
		"a network that fails":                  errors.New("no route"),
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				for _, name := range []string{"a", "b", "c"} {
					b.cloud.add(name, 0)
					b.apply(name)
				}
				b.cloud.fail("c", "no such backend")
				b.wait(10 * time.Second)
				for _, name := range []string{"a", "b", "c"} {
					b.change(name, edit)
				}
				b.cluster.SetFault(func(r *http.Request) error {
					if testenv.IsStatusWrite(r) && strings.HasSuffix(r.URL.Path, "/b/status") {
						return refusal
					}
					return nil
				})
				b.wait(7 * time.Minute)
				for name, want := range map[string]bool{"a": true, "b": false, "c": true} {
					if b.isObserved(name) != want {
						b.Errorf("%s: the status speaks of the last generation: %v, want %v", name, !want, want)
					}
				}
				b.cluster.SetFault(nil)
				b.wait(7 * time.Minute)
				if !b.isObserved("b") {
					b.Error("b is not swept when the trouble is over")
				}
			})
		})
	}
}

// A refused namespace stops no sweep.
func TestSweepRefusedNamespace(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate(func(o *controllers.Options) { o.Namespaces = []string{"closed", "default"} })
		b.cloud.add("task", 0)
		b.apply("task")
		b.wait(time.Minute)
		b.reads("task", matrix.Succeeded)
		b.change("task", edit)
		b.cluster.SetFault(func(r *http.Request) error {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/namespaces/closed/") && r.URL.Query().Get("watch") == "" {
				return apierrors.NewForbidden(tasksResource, "", errors.New("no access"))
			}
			return nil
		})
		b.wait(7 * time.Minute)
		if !b.isObserved("task") {
			b.Error("a namespace that cannot be listed stops the sweep of another")
		}
	})
}

// A sweep lists once.
func TestSweepLists(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("typo")
		b.apply("held", suspend(true))
		b.cloud.add("busy", -1)
		b.apply("busy")
		b.wait(4 * time.Minute)
		b.reads("typo", matrix.UnknownWith("TaskNotFound"))
		writes := map[types.UID]int{}
		for _, task := range b.all() {
			writes[task.UID] = b.cluster.StatusWrites(task.UID)
		}
		before := len(b.cluster.Requests())
		b.wait(time.Hour)
		lists := 0
		for _, request := range b.cluster.Requests()[before:] {
			if request.Verb == "list" {
				lists++
			}
		}
		if lists < 10 || lists > 12 {
			b.Errorf("%d lists in an hour, want one each five to six minutes", lists)
		}
		for uid, n := range writes {
			if now := b.cluster.StatusWrites(uid); now != n {
				b.Errorf("%d status writes of an object that needs none", now-n)
			}
		}
	})
}
