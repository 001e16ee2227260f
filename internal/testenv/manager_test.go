package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

var errByTest = errors.New("by the test")

// follower takes a task to Running at once, and to Succeeded a minute later.
type follower struct {
	client.Client

	recorder events.EventRecorder
}

func (f *follower) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	task := new(v1alpha1.CLBTask)
	if err := f.Get(ctx, request.NamespacedName, task); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	before := task.DeepCopy()
	now := metav1.Now()
	switch started := task.Status.StartTime; {
	case started == nil:
		task.Status.Phase, task.Status.StartTime = v1alpha1.PhaseRunning, &now
	case time.Since(started.Time) < time.Minute:
		return reconcile.Result{RequeueAfter: time.Until(started.Add(time.Minute))}, nil
	default:
		task.Status.Phase, task.Status.CompletionTime = v1alpha1.PhaseSucceeded, &now
	}
	if err := f.Status().Patch(ctx, task, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return reconcile.Result{}, err
	}
	f.recorder.Eventf(task, nil, corev1.EventTypeNormal, string(task.Status.Phase), "Follow", "the task is %s", task.Status.Phase)
	return reconcile.Result{}, nil
}

// deletions counts the objects that leave the cache.
type deletions struct {
	mu    sync.Mutex
	names []string
}

func (d *deletions) handler() toolscache.ResourceEventHandlerFuncs {
	return toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(object any) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
			object = unknown.Obj
		}
		d.names = append(d.names, object.(client.Object).GetName())
	}}
}

func (d *deletions) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.names))
}

// newFollower returns a manager that follows the tasks that are not finished.
func newFollower(t *testing.T, cluster *testenv.Cluster) (manager.Manager, *deletions) {
	t.Helper()
	options := cluster.ManagerOptions(t)
	options.Cache = cache.Options{
		SyncPeriod: new(10 * time.Minute),
		ByObject: map[client.Object]cache.ByObject{new(v1alpha1.CLBTask): {
			Field: fields.ParseSelectorOrDie("status.phase!=Succeeded,status.phase!=Failed"),
		}},
	}
	mgr, err := manager.New(cluster.Config(), options)
	must(t, err)
	must(t, builder.ControllerManagedBy(mgr).For(new(v1alpha1.CLBTask)).
		Complete(&follower{mgr.GetClient(), mgr.GetEventRecorder("follower")}))
	informer, err := mgr.GetCache().GetInformer(t.Context(), new(v1alpha1.CLBTask), cache.BlockUntilSynced(false))
	must(t, err)
	deletions := new(deletions)
	_, err = informer.AddEventHandler(deletions.handler())
	must(t, err)
	return mgr, deletions
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newTask(name string) *v1alpha1.CLBTask {
	return &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-" + name, Region: "ap-guangzhou"},
	}
}

func create(t *testing.T, cluster *testenv.Cluster, name string) *v1alpha1.CLBTask {
	t.Helper()
	task := newTask(name)
	must(t, cluster.Client().Create(t.Context(), task))
	return task
}

// phase returns the phase of a task as the cluster has it.
func phase(t *testing.T, cluster *testenv.Cluster, task *v1alpha1.CLBTask) v1alpha1.Phase {
	t.Helper()
	fresh := new(v1alpha1.CLBTask)
	must(t, cluster.Client().Get(t.Context(), client.ObjectKeyFromObject(task), fresh))
	return fresh.Status.Phase
}

// pass lets virtual time pass until every goroutine waits again.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// Manager follows tasks in virtual time.
func TestManager(t *testing.T) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		early := create(t, cluster, "early")
		mgr, deletions := newFollower(t, cluster)
		stop := testenv.Start(t, mgr)
		pass(time.Second)
		late := create(t, cluster, "late")
		pass(30 * time.Second)
		for _, task := range []*v1alpha1.CLBTask{early, late} {
			if got := phase(t, cluster, task); got != v1alpha1.PhaseRunning {
				t.Errorf("%s is %s before a minute", task.Name, got)
			}
		}
		pass(31 * time.Second)
		if got := deletions.list(); !slices.Equal(got, []string{"early", "late"}) {
			t.Errorf("after a minute, the cache has lost %v", got)
		}
		pass(5 * time.Hour)
		for _, task := range []*v1alpha1.CLBTask{early, late} {
			if got := phase(t, cluster, task); got != v1alpha1.PhaseSucceeded {
				t.Errorf("%s is %s in the end", task.Name, got)
			}
			if got := cluster.StatusWrites(task.UID); got != 2 {
				t.Errorf("%s has %d status writes", task.Name, got)
			}
			if got := fmt.Sprint(reasons(cluster, task)); got != "[Running Succeeded]" {
				t.Errorf("%s has events %s", task.Name, got)
			}
		}
		cached := new(v1alpha1.CLBTaskList)
		must(t, mgr.GetClient().List(t.Context(), cached))
		if len(cached.Items) != 0 {
			t.Errorf("the cache still has %d tasks", len(cached.Items))
		}
		stop()
	})
	t.Logf("took %s", time.Since(began))
}

func reasons(cluster *testenv.Cluster, task *v1alpha1.CLBTask) (found []string) {
	for _, event := range cluster.Events(client.ObjectKeyFromObject(task)) {
		found = append(found, event.Reason)
	}
	return found
}

func TestManagerGetsOverFaults(t *testing.T) {
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("clbtasks").GroupResource(), "", errByTest)
	refuse := func(cluster *testenv.Cluster, err error) {
		until := time.Now().Add(5 * time.Minute)
		cluster.SetFault(func(request *http.Request) error {
			if testenv.IsStatusWrite(request) && time.Now().Before(until) {
				return err
			}
			return nil
		})
	}
	for name, fault := range map[string]func(*testing.T, *testenv.Cluster){
		"none":              func(*testing.T, *testenv.Cluster) {},
		"no streamed lists": func(_ *testing.T, cluster *testenv.Cluster) { cluster.DisableWatchList() },
		"conflicts":         func(_ *testing.T, cluster *testenv.Cluster) { refuse(cluster, conflict) },
		"internal errors": func(_ *testing.T, cluster *testenv.Cluster) {
			refuse(cluster, apierrors.NewInternalError(errByTest))
		},
		"a broken network": func(_ *testing.T, cluster *testenv.Cluster) { refuse(cluster, errByTest) },
		"lost responses":   func(_ *testing.T, cluster *testenv.Cluster) { refuse(cluster, testenv.Lost(errByTest)) },
		"latency":          func(_ *testing.T, cluster *testenv.Cluster) { cluster.SetLatency(3 * time.Second) },
		"watches end":      func(_ *testing.T, cluster *testenv.Cluster) { cluster.EndWatches() },
		"watches expire":   func(_ *testing.T, cluster *testenv.Cluster) { cluster.Expire(nil) },
		"the object is made again": func(t *testing.T, cluster *testenv.Cluster) {
			pass(10 * time.Second)
			cluster.Expire(func() {
				must(t, cluster.Client().Delete(t.Context(), newTask("task")))
				create(t, cluster, "task")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cluster := testenv.New(t)
				mgr, deletions := newFollower(t, cluster)
				testenv.Start(t, mgr)
				pass(2 * time.Second)
				task := create(t, cluster, "task")
				fault(t, cluster)
				pass(time.Hour)
				if got := phase(t, cluster, task); got != v1alpha1.PhaseSucceeded {
					t.Errorf("the task is %s", got)
				}
				if got := deletions.list(); len(got) == 0 {
					t.Error("the task has not left the cache")
				}
			})
		})
	}
}

// Manager stops at once and starts again.
func TestManagerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		task := create(t, cluster, "task")
		for range 10 {
			mgr, _ := newFollower(t, cluster)
			testenv.Start(t, mgr)()
		}
		mgr, _ := newFollower(t, cluster)
		testenv.Start(t, mgr)
		pass(time.Hour)
		if got := phase(t, cluster, task); got != v1alpha1.PhaseSucceeded {
			t.Errorf("the task is %s", got)
		}
	})
}

// Reported errors do not sleep across bubbles.
func TestReportedErrors(t *testing.T) {
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			utilruntime.HandleErrorWithContext(t.Context(), nil, "by the test")
			if took := time.Since(began); took != 0 {
				t.Errorf("took %s", took)
			}
			<-time.After(time.Hour)
			utilruntime.HandleErrorWithContext(t.Context(), nil, "by the test")
		})
	}
}
