package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

const (
	// workers reconcile in parallel. They never wait for the cloud, only for writes of
	// statuses, so a few suffice.
	workers = 16
	// resyncPeriod lets every unfinished object be reconciled within ten minutes even
	// if nothing happens to it: the cache adds a tenth at most, and client-go skips a
	// resync that comes just before a handler is due for it.
	resyncPeriod = 4*time.Minute + 30*time.Second
)

// Options are what the operator's flags say about the controller.
type Options struct {
	// Slots are the requests a second in each quota bucket.
	Slots int
	// NotFoundGrace is how long after an object's creation a request that the API does
	// not know may still become known.
	NotFoundGrace time.Duration
	// DefaultTTL is how long after its end a CLBTask without a TTL of its own is deleted,
	// unless a GitOps tool or an owner keeps it. Zero means never.
	DefaultTTL time.Duration
	// Namespaces are those to watch; none for all.
	Namespaces []string
}

// Validate says which flag is out of range, and what to give instead.
func (o Options) Validate() error {
	if o.Slots < 1 || o.Slots > polling.MaxSlots {
		return fmt.Errorf("--clb-requests-per-second is %d: give a number from 1 to %d, the API's own limit", o.Slots, polling.MaxSlots)
	}
	if o.NotFoundGrace < 0 {
		return fmt.Errorf("--clb-not-found-grace is %v: give zero or more, such as 2m", o.NotFoundGrace)
	}
	if o.DefaultTTL < 0 {
		return fmt.Errorf("--default-ttl-after-finished is %v: give zero for none, or more, such as 168h", o.DefaultTTL)
	}
	return nil
}

// CacheOptions returns the options of the manager's cache, which the controller relies
// on: unfinished CLBTasks only, since finished ones accumulate. An object that
// finishes arrives as a deletion.
func (o Options) CacheOptions() cache.Options {
	options := cache.Options{
		ByObject: map[client.Object]cache.ByObject{&v1alpha1.CLBTask{}: {
			Field:      inCache,
			Transform:  cache.TransformStripManagedFields(),
			SyncPeriod: new(resyncPeriod),
		}},
	}
	if len(o.Namespaces) > 0 {
		options.DefaultNamespaces = map[string]cache.Config{}
	}
	for _, namespace := range o.Namespaces {
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	return options
}

// +kubebuilder:rbac:groups=clb.tencentcloud.com,resources=clbtasks,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=clb.tencentcloud.com,resources=clbtasks/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SetupCLBTaskController adds the controller of CLBTasks to a manager whose cache has
// the CacheOptions. It fails if the options are out of range.
func SetupCLBTaskController(mgr ctrl.Manager, api API, sources CredentialSources, options Options) error {
	if err := options.Validate(); err != nil {
		return err
	}
	policy := lifecycle.Policy{NotFoundGrace: options.NotFoundGrace, DefaultTTL: options.DefaultTTL}
	poller, err := newPoller(api, sources, mgr.GetClient(), policy, options.Slots)
	if err != nil {
		return err
	}
	informer, err := poller.followCache(mgr.GetCache())
	if err != nil {
		return err
	}
	// A follower fills its cache, too, so that it can take over at once.
	err = mgr.AddReadyzCheck("clbtasks-cached", func(*http.Request) error {
		if informer.HasSynced() {
			return nil
		}
		return errors.New("the cache of CLBTasks is not filled")
	})
	if err != nil {
		return err
	}
	expirer, err := setupExpirer(mgr, policy)
	if err != nil {
		return err
	}
	recorder := mgr.GetEventRecorder("clbtask-operator")
	actions, err := newActionWarner(recorder)
	if err != nil {
		return err
	}
	statuses := &statusWriter{client: mgr.GetClient(), recorder: recorder}
	err = ctrl.NewControllerManagedBy(mgr).
		Named("clbtask").
		For(&v1alpha1.CLBTask{}, builder.WithPredicates(needsReconcile())).
		WatchesRawSource(source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
			priorities, ok := queue.(priorityqueue.PriorityQueue[ctrl.Request])
			if !ok {
				return errors.New("the work queue of CLBTasks has no priorities")
			}
			poller.start(ctx, priorities)
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: writeBackoff()}).
		Complete(&reconciler{reader: mgr.GetClient(), statuses: statuses, policy: policy, poller: poller, actions: actions, expirer: expirer})
	if err != nil {
		return fmt.Errorf("set up the controller of CLBTasks: %w", err)
	}
	return mgr.Add(&sweeper{reader: mgr.GetAPIReader(), statuses: statuses, policy: policy, expirer: expirer, namespaces: options.Namespaces})
}

var _, _ manager.LeaderElectionRunnable = (*sweeper)(nil), Filled(nil)

// Filled is closed by the manager to which it was added, leader or not, once the cache is
// filled. Before that, controller-runtime v0.25 does not end when it is told to: it goes
// round in a loop for ever (kubernetes-sigs/controller-runtime#3440).
type Filled chan struct{}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (Filled) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: the manager calls it when the cache is filled.
func (f Filled) Start(context.Context) error {
	close(f)
	return nil
}

// maxRewrites is how many statuses a second are written again at most, of those that could
// not be written: an API server in trouble is not flooded, however many there are.
const maxRewrites = 500

// writeBackoff is for statuses that could not be written. controller-runtime's own
// goes up to a quarter of an hour: too long for a verdict that is known.
func writeBackoff() workqueue.TypedRateLimiter[ctrl.Request] {
	return workqueue.NewTypedMaxOfRateLimiter(
		workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](5*time.Millisecond, 15*time.Second),
		&workqueue.TypedBucketRateLimiter[ctrl.Request]{Limiter: rate.NewLimiter(maxRewrites, maxRewrites)},
	)
}

// needsReconcile passes the events that can change a decision. Own status writes
// change no generation and are dropped. So are annotations, but for the one that asks
// for a poll. An informer that lists again turns an object
// that was deleted and created in between into one update, whose UIDs differ. Resyncs,
// which are updates to the same version, are the poller's.
func needsReconcile() predicate.Predicate {
	const requestedAt = v1alpha1.AnnotationReconcileRequestedAt
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() ||
				e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() ||
				e.ObjectOld.GetAnnotations()[requestedAt] != e.ObjectNew.GetAnnotations()[requestedAt]
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false }, // poller.followCache does.
	}
}
