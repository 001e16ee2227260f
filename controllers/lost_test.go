package controllers_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// No task is lost, even if the API server loses events or refuses writes.

func TestRecreated(t *testing.T) {
	t.Parallel()
	for sentence, before := range map[string]struct {
		ended   bool
		suspend bool
	}{
		"an object that succeeded":          {ended: true},
		"an object that is still polled":    {},
		"an object that is suspended":       {suspend: true},
		"a suspended object that has ended": {ended: true, suspend: true},
	} {
		t.Run(sentence+" is replaced under the same name while the informer lists again", func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				lasts := time.Duration(-1)
				if before.ended {
					lasts = 0
				}
				b.cloud.add("old", lasts)
				b.apply("old", named("task"))
				b.wait(5 * time.Second)
				if before.suspend {
					b.change("task", suspend(true))
					b.wait(5 * time.Second)
				}
				b.cloud.add("new", 0)
				b.cluster.Expire(func() {
					b.delete("task")
					b.apply("new", named("task"))
				})
				b.wait(10 * time.Second)
				b.reads("task", matrix.Succeeded)
				old := len(b.cloud.polled("old"))
				b.wait(time.Minute)
				if again := len(b.cloud.polled("old")); again > old {
					b.Errorf("the old request was polled %d more times", again-old)
				}
			})
		})
	}
}

func TestEveryTaskIsDecided(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("although a third of the watch events is lost, with seed ", seed), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				random := rand.New(rand.NewPCG(1, seed))
				b.cluster.DropEvents(rand.New(rand.NewPCG(2, seed)), 0.3)
				stop := b.operate()
				for i := range 120 {
					id := fmt.Sprint("task-", i)
					b.cloud.add(id, time.Duration(random.ExpFloat64()*20*float64(time.Second)))
					b.apply(id, in(fmt.Sprint("namespace-", i%3)))
					b.wait(time.Duration(random.ExpFloat64() * float64(2*time.Second)))
					switch random.IntN(20) {
					case 0:
						b.cluster.Expire(nil) // An API server restarts.
					case 1:
						b.cluster.EndWatches()
					case 2:
						stop()
						stop = b.operate()
					}
				}
				b.wait(5 * time.Minute)
				b.cluster.Expire(nil)
				b.wait(2 * time.Minute)
				for _, task := range b.all() {
					if matrix.Row(task.Status) != matrix.Succeeded {
						b.Errorf("%s reads %s", task.Name, matrix.Row(task.Status))
					}
				}
			})
		})
	}
}

func TestResync(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("task", suspend(true))
		b.wait(time.Second)
		b.reads("task", matrix.Suspended)
		// A foreign write of the status changes no generation, and nothing is polled.
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"phase":"Running"}}`))
		if err := b.client.Status().Patch(b.Context(), b.get("task"), patch); err != nil {
			b.Fatal(err)
		}
		b.wait(10 * time.Minute)
		b.reads("task", matrix.Suspended)
	})
}

// A verdict outlives an API server that fails.
func TestFailingAPIServer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 0)
		b.cluster.SetFault(refuse(apierrors.NewInternalError(errors.New("no"))))
		b.apply("task")
		b.wait(time.Hour)
		b.cluster.SetFault(nil)
		b.wait(20 * time.Second)
		b.reads("task", matrix.Succeeded)
		if polls := len(b.cloud.polled("task")); polls != 1 {
			b.Errorf("%d polls; the verdict was known after one", polls)
		}
	})
}

// refuse makes the API server refuse every write of a status.
func refuse(err error) func(*http.Request) error {
	return func(r *http.Request) error {
		if r.Method == http.MethodPatch {
			return err
		}
		return nil
	}
}

var tasksResource = schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "clbtasks"}

func TestConflicts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 0)
		b.cluster.SetFault(refuse(apierrors.NewConflict(tasksResource, "task", errors.New("modified"))))
		b.apply("task")
		b.wait(time.Minute)
		patches := 0
		for _, request := range b.cluster.Requests() {
			if request.Code == http.StatusConflict {
				patches++
			}
		}
		// 5 ms doubling to 15 s.
		if patches < 5 || patches > 20 {
			b.Errorf("%d writes in a minute of conflicts", patches)
		}
		b.cluster.SetFault(nil)
		b.wait(20 * time.Second)
		b.reads("task", matrix.Succeeded)
	})
}

func TestRestoredEtcd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("before", time.Minute)
		b.apply("before")
		b.wait(5 * time.Second)
		snapshot := b.cluster.Snapshot()
		b.wait(2 * time.Minute)
		b.reads("before", matrix.Succeeded)
		b.cluster.Restore(snapshot)
		b.reads("before", matrix.Running)
		b.cluster.Expire(nil) // A restore moves the versions on, so that watchers list again.
		b.wait(10 * time.Second)
		b.reads("before", matrix.Succeeded)
	})
}

// A verdict is not replaced.
func TestVerdictStays(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 10*time.Second)
		b.apply("task")
		b.wait(5 * time.Second)
		b.reads("task", matrix.Running)
		b.cluster.SetFault(refuse(errors.New("the API server is away")))
		b.wait(time.Minute)
		// The cloud forgets the request before the verdict could be written.
		b.cloud.setFault(always(clb.ProblemTaskNotFound))
		b.change("task", func(task *v1alpha1.CLBTask) { task.Spec.ActiveDeadlineSeconds = 3600 })
		b.wait(20 * time.Minute)
		b.cluster.SetFault(nil)
		b.wait(20 * time.Second)
		b.reads("task", matrix.Succeeded)
	})
}

// A foreign status does not panic.
func TestForeignStatus(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.apply("task", suspend(true))
		b.wait(time.Second)
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"phase":"Succeeded","conditions":null,"observedGeneration":7}}`))
		if err := b.client.Status().Patch(b.Context(), b.get("task"), patch); err != nil {
			b.Fatal(err)
		}
		b.wait(time.Hour)
		if got := b.get("task"); got.Status.Phase != v1alpha1.PhaseSucceeded || got.Status.ObservedGeneration != got.Generation {
			b.Errorf("the status is %+v, of generation %d", got.Status, got.Generation)
		}
	})
}

func TestFinishedTasks(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("good", 0)
		b.cloud.fail("bad", "no such backend")
		b.apply("good")
		b.apply("bad")
		b.wait(10 * time.Second)
		for _, name := range []string{"good", "bad"} {
			b.change(name, func(task *v1alpha1.CLBTask) { task.Spec.ActiveDeadlineSeconds = 60 })
		}
		b.wait(7 * time.Minute)
		for _, name := range []string{"good", "bad"} {
			if got := b.get(name); got.Status.ObservedGeneration != got.Generation {
				b.Errorf("%s: the status speaks of generation %d, the object has %d", name, got.Status.ObservedGeneration, got.Generation)
			}
			if polls := len(b.cloud.polled(name)); polls != 1 {
				b.Errorf("%s was polled %d times", name, polls)
			}
		}
		b.reads("good", matrix.Succeeded)
		b.reads("bad", matrix.Failed)
	})
}

// A restart polls no finished task.
func TestRestart(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		stop := b.operate()
		for i := range 50 {
			id := fmt.Sprint("task-", i)
			b.cloud.add(id, time.Duration(i%2-1)) // Every second one never ends.
			b.apply(id)
		}
		b.wait(30 * time.Second)
		stop()
		before := len(b.cloud.polled(""))
		b.operate(func(o *controllers.Options) { o.Namespaces = []string{"default", "other"} })
		b.wait(3 * time.Second)
		after := b.cloud.polled("")[before:]
		for _, p := range after {
			if b.get(p.TaskID).Status.Phase.Final() {
				b.Errorf("%s was polled again", p.TaskID)
			}
		}
		if len(after) < 25 {
			b.Errorf("%d polls after the restart, of 25 unfinished tasks", len(after))
		}
	})
}
