package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The backoffs after failed questions: from the first value, doubling, to the
// second.
const (
	soonBase, soonMax                   = 2 * time.Second, time.Minute
	configurationBase, configurationMax = 30 * time.Second, 10 * time.Minute
	// backoffJitter spreads the tasks that failed together: up to so much more.
	backoffJitter = 0.2
)

// workers reconcile in parallel. They never wait for the cloud, only for writes
// of statuses, so a few suffice.
const workers = 16

// writeBackoff is for statuses that could not be written. The default goes up to a
// quarter of an hour, and a verdict that is known must not wait for so long after
// the API server has come back.
func writeBackoff() workqueue.TypedRateLimiter[ctrl.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](5*time.Millisecond, 15*time.Second)
}

// CLBTaskReconciler brings each CLBTask to its verdict.
type CLBTaskReconciler struct {
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
	policy   Policy
	poller   *poller
	now      func() time.Time

	soon, configuration workqueue.TypedRateLimiter[types.NamespacedName]
}

// +kubebuilder:rbac:groups=clb.tencentcloud.com,resources=clbtasks,verbs=get;list;watch
// +kubebuilder:rbac:groups=clb.tencentcloud.com,resources=clbtasks/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupCLBTaskController adds the controller of CLBTasks to a manager. It fails
// where the options are out of range.
func SetupCLBTaskController(mgr ctrl.Manager, api *clb.API, credentials clb.CredentialSource, options Options) error {
	poller, err := newPoller(api, credentials, options)
	if err != nil {
		return err
	}
	r := &CLBTaskReconciler{
		client:        mgr.GetClient(),
		live:          mgr.GetAPIReader(),
		recorder:      mgr.GetEventRecorder("clbtask-operator"),
		policy:        options.Policy,
		poller:        poller,
		now:           options.Now,
		soon:          workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](soonBase, soonMax),
		configuration: workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](configurationBase, configurationMax),
	}
	err = ctrl.NewControllerManagedBy(mgr).
		Named("clbtask").
		// Own status writes change no generation, and trigger nothing.
		For(&v1alpha1.CLBTask{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
			poller.start(ctx, func(name types.NamespacedName) { queue.Add(ctrl.Request{NamespacedName: name}) })
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: writeBackoff()}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller of CLBTasks: %w", err)
	}
	return nil
}

// Reconcile writes what follows from the task's spec, the time and the last
// question about it, and asks for the next turn while the task has no outcome
// and is not suspended.
func (r *CLBTaskReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	task, err := r.read(ctx, request.NamespacedName)
	if apierrors.IsNotFound(err) || err == nil && !task.DeletionTimestamp.IsZero() {
		r.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("read the task: %w", err)
	}
	if task.Status.Phase.Final() {
		return r.stop(ctx, task, nil, Standing(task, Streak{}, r.now()))
	}
	seen, streak, known := r.poller.look(request.NamespacedName, task.UID)
	if !known { // The failures of a former object of that name do not count.
		r.soon.Forget(request.NamespacedName)
		r.configuration.Forget(request.NamespacedName)
	}
	if seen != nil {
		return r.settle(ctx, task, seen, r.policy.Decide(task, seen.Observation, streak, seen.at))
	}
	return r.settle(ctx, task, nil, Standing(task, streak, r.now()))
}

// read gets a task from the cache, or from the API server where the cache has
// not yet seen what was last written: a decision must not rest on a status that
// this very process has replaced.
func (r *CLBTaskReconciler) read(ctx context.Context, name types.NamespacedName) (*v1alpha1.CLBTask, error) {
	task := new(v1alpha1.CLBTask)
	if err := r.client.Get(ctx, name, task); err != nil {
		return nil, err
	}
	written := r.poller.written(name)
	if written == "" {
		return task, nil
	}
	if order, err := resourceversion.CompareResourceVersion(task.ResourceVersion, written); err == nil && order >= 0 {
		return task, nil
	}
	// Into an empty object: what the API server leaves out would stay as cached.
	task = new(v1alpha1.CLBTask)
	return task, r.live.Get(ctx, name, task)
}

// settle writes a decision, and asks on where nothing is decided for good. seen
// is the report that led to it, nil where none did.
func (r *CLBTaskReconciler) settle(ctx context.Context, task *v1alpha1.CLBTask, seen *report, decision Decision) (ctrl.Result, error) {
	if decision.Again == Never || decision.Again == WhenResumed {
		return r.stop(ctx, task, seen, decision)
	}
	version, err := r.write(ctx, task, seen, decision)
	if err != nil {
		return retry(err)
	}
	if seen != nil || version != "" {
		name := client.ObjectKeyFromObject(task)
		r.poller.settle(name, seen, outcome{streak: decision.Streak.kept(), written: version, notBefore: r.notBefore(task, seen, decision.Again)})
	}
	return r.ask(ctx, task, decision.Streak)
}

// stop writes a decision after which nothing is asked: an outcome, or that the
// task is suspended.
func (r *CLBTaskReconciler) stop(ctx context.Context, task *v1alpha1.CLBTask, seen *report, decision Decision) (ctrl.Result, error) {
	name := client.ObjectKeyFromObject(task)
	r.poller.unfollow(name) // First, since the write may fail for long.
	version, err := r.write(ctx, task, seen, decision)
	if err != nil {
		return retry(err)
	}
	if version == "" || decision.Again == WhenResumed {
		// What an earlier question still brings is dropped with the rest, and a
		// resumed task begins without a backoff.
		r.forget(name)
		return ctrl.Result{}, nil
	}
	r.poller.settle(name, seen, outcome{written: version})
	// The rest is forgotten once the cache has surely seen the verdict: until
	// then a stale read must find the version that was written.
	return ctrl.Result{RequeueAfter: time.Second}, nil
}

// ask asks for the next turn. Missing credentials are a configuration problem of
// the task, like rejected ones. Every way out of it sets the wake-up at the
// deadline, since the queue keeps one entry for a task, which any event takes.
func (r *CLBTaskReconciler) ask(ctx context.Context, task *v1alpha1.CLBTask, streak Streak) (ctrl.Result, error) {
	err := r.poller.ask(ctx, task)
	if err == nil {
		return ctrl.Result{RequeueAfter: wake(task, 0, r.now())}, nil
	}
	seen := &report{Observation: Observation{Err: clb.Missing(err)}, at: r.now()}
	decision := r.policy.Decide(task, seen.Observation, streak, seen.at)
	if decision.Again == Never {
		return r.stop(ctx, task, seen, decision) // The deadline passed this very moment.
	}
	version, err := r.write(ctx, task, seen, decision)
	if err != nil {
		return retry(err)
	}
	name := client.ObjectKeyFromObject(task)
	r.poller.settle(name, seen, outcome{streak: decision.Streak.kept(), written: version})
	return ctrl.Result{RequeueAfter: wake(task, r.backoff(r.configuration, name), seen.at)}, nil
}

// notBefore returns the end of the backoff that a report has earned; zero for
// the task's own interval.
func (r *CLBTaskReconciler) notBefore(task *v1alpha1.CLBTask, seen *report, again Again) time.Time {
	if seen == nil {
		return time.Time{}
	}
	name := client.ObjectKeyFromObject(task)
	switch again {
	case AfterSoon:
		end := seen.at.Add(r.backoff(r.soon, name))
		if grace := task.CreationTimestamp.Add(r.policy.NotFoundGrace); seen.Err.Patience == clb.NotFoundGrace && end.After(grace) {
			end = grace // The grace ends in a verdict, not in another wait.
		}
		return end
	case AfterConfiguration:
		return seen.at.Add(r.backoff(r.configuration, name))
	case ByAge, WhenResumed, Never:
		if seen.Err == nil {
			r.soon.Forget(name)
			r.configuration.Forget(name)
		}
	}
	return time.Time{}
}

// write patches the status where the decision changed it, and returns the new
// resource version. The lock makes a patch that rests on an old object fail
// rather than overwrite.
func (r *CLBTaskReconciler) write(ctx context.Context, task *v1alpha1.CLBTask, seen *report, decision Decision) (string, error) {
	if !decision.Changed {
		return "", nil
	}
	old := task.DeepCopy()
	patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
	task.Status = decision.Status
	if err := r.client.Status().Patch(ctx, task, patch); err != nil {
		return "", fmt.Errorf("write the status: %w", err)
	}
	if news(old.Status, task.Status) {
		r.announce(ctx, task, seen)
	}
	return task.ResourceVersion, nil
}

// announce tells of a status that was written. seen is the report that led to it,
// nil where none did.
func (r *CLBTaskReconciler) announce(ctx context.Context, task *v1alpha1.CLBTask, seen *report) {
	recordTransition(r.recorder, task)
	reason := task.Status.Conditions[0].Reason
	fields := []any{
		"requestID", task.Spec.RequestID, "region", task.Spec.Region,
		"phase", task.Status.Phase, "reason", reason, "apiRequestID", task.Status.APIRequestID,
	}
	if seen != nil && seen.Err != nil {
		fields = append(fields, "code", seen.Err.Code, "message", seen.Err.Message)
	}
	log.FromContext(ctx).Info("The task's status changed", fields...)
	if task.Status.Phase.Final() {
		verdicts.WithLabelValues(string(task.Status.Phase), reason).Inc()
	}
}

func (r *CLBTaskReconciler) forget(name types.NamespacedName) {
	r.poller.forget(name)
	r.soon.Forget(name)
	r.configuration.Forget(name)
}

func (r *CLBTaskReconciler) backoff(limiter workqueue.TypedRateLimiter[types.NamespacedName], name types.NamespacedName) time.Duration {
	return wait.Jitter(limiter.When(name), backoffJitter)
}

// retry says what to do about a status that could not be written; its report is
// kept. A conflict is no fault: somebody else was first, and the object is read
// anew. An object that is gone needs no status.
func retry(err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: 50 * time.Millisecond}, nil
	default:
		return ctrl.Result{}, err
	}
}
