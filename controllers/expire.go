package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

const (
	// expireAhead is how long before the end of its TTL an object is scheduled. Sweeps and
	// resyncs, which come more often, find those whose TTL ends later.
	expireAhead = 12 * time.Minute
	// expireBacklog is how many objects may wait for their deletion. The next sweep finds
	// those that did not fit, such as those of years when a default TTL is first set.
	expireBacklog = 10_000
	// expireWorkers delete in parallel, each two calls an object.
	expireWorkers = 4
)

// expirer deletes finished CLBTasks whose TTL is over, as the Job controller does: it reads
// the object again without the cache, and lets the API server refuse the deletion if
// the object has changed since. What is scheduled is lost with the process. Then a sweep
// finds it.
type expirer struct {
	reader client.Reader // Not cached.
	writer client.Writer
	policy lifecycle.Policy

	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[ctrl.Request]
}

// setupExpirer adds the controller that deletes to a manager.
func setupExpirer(mgr ctrl.Manager, policy lifecycle.Policy) (*expirer, error) {
	e := &expirer{reader: mgr.GetAPIReader(), writer: mgr.GetClient(), policy: policy}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("clbtask-ttl").
		WatchesRawSource(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.queue = queue
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: expireWorkers}).
		Complete(e)
	if err != nil {
		return nil, fmt.Errorf("set up the deletion of finished CLBTasks: %w", err)
	}
	return e, nil
}

// schedule lets a task be deleted when its TTL is over, if it has one that ends soon.
func (e *expirer) schedule(task *v1alpha1.CLBTask) {
	expiry, ok := e.policy.Expiry(task)
	wait := time.Until(expiry)
	if !ok || wait > expireAhead {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.queue != nil && e.queue.Len() < expireBacklog {
		e.queue.AddAfter(nameOf(task), max(wait, 0))
	}
}

// Reconcile deletes an object if its TTL is over.
func (e *expirer) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	task := new(v1alpha1.CLBTask)
	if err := e.reader.Get(ctx, request.NamespacedName, task); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if expiry, ok := e.policy.Expiry(task); !ok || time.Now().Before(expiry) {
		e.schedule(task)
		return ctrl.Result{}, nil
	}
	err := e.writer.Delete(ctx, task, client.PropagationPolicy(metav1.DeletePropagationBackground),
		client.Preconditions{UID: &task.UID, ResourceVersion: &task.ResourceVersion})
	switch {
	case apierrors.IsConflict(err): // It has changed since.
		return ctrl.Result{RequeueAfter: time.Second}, nil
	case err != nil:
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	log.FromContext(ctx).Info("Finished task deleted after its TTL",
		requestOf(task).logFields("phase", task.Status.Phase, "completionTime", task.Status.CompletionTime.Time)...)
	return ctrl.Result{}, nil
}
