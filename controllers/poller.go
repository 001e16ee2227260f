package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// API is what the poller needs of *clb.API.
type API interface {
	// Endpoint returns where calls for a product in a region go.
	Endpoint(product clb.Product, region string) clb.Endpoint
	// Account identifies the account that the quota counts for.
	Account() string
	// DescribeTaskStatus polls once. Its error is a *clb.Error, unless ctx ended.
	DescribeTaskStatus(ctx context.Context, query clb.TaskQuery) (clb.TaskStatus, error)
}

// CredentialSources returns the source of the key in a Secret, always the same for the
// same Secret.
type CredentialSources func(secret types.NamespacedName) clb.CredentialSource

// of returns the source that signs the polls of a request; nil for the operator's own.
func (s CredentialSources) of(q request) clb.CredentialSource {
	if q.secret.Name == "" {
		return nil
	}
	return s(q.secret)
}

// poller polls requests in the turns that package polling grants, and keeps the history
// of each.
type poller struct {
	api       API
	sources   CredentialSources
	reader    client.Reader // Of the cache, with the field index.
	policy    lifecycle.Policy
	scheduler *polling.Scheduler[request]
	spread    *rate.Limiter // Of what enqueueSpread does, over all its calls.
	simulated sync.Once     // The log says that answers are.

	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // The controller's: polls outlive the Reconcile that tracked their request, and end with it.
	queue priorityqueue.PriorityQueue[ctrl.Request]
	known world
}

func newPoller(api API, sources CredentialSources, reader client.Reader, policy lifecycle.Policy, slots int) (*poller, error) {
	known, err := newWorld(bucketsOf(api, sources))
	if err != nil {
		return nil, err
	}
	p := &poller{api: api, sources: sources, reader: reader, policy: policy, spread: rate.NewLimiter(spreadRate, 1), known: known}
	p.scheduler, err = polling.New(slots, p.poll)
	return p, err
}

// followCache keeps the index, and forgets a request when the last task that it is kept
// for leaves the index. It returns the informer of CLBTasks, which runs whether or not
// this replica leads.
func (p *poller) followCache(source cache.Cache) (cache.Informer, error) {
	ctx := context.Background() // Nothing of this waits.
	err := source.IndexField(ctx, &v1alpha1.CLBTask{}, requestField, func(object client.Object) []string {
		return indexKeys(object.(*v1alpha1.CLBTask))
	})
	if err != nil {
		return nil, err
	}
	informer, err := source.GetInformer(ctx, &v1alpha1.CLBTask{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		UpdateFunc: func(old, next any) {
			was, is := old.(*v1alpha1.CLBTask), next.(*v1alpha1.CLBTask)
			if was.ResourceVersion == is.ResourceVersion {
				p.resync(is)
			}
			if !lifecycle.Pollable(is) || requestOf(was) != requestOf(is) {
				p.release(requestOf(was))
			}
		},
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			if task, ok := object.(*v1alpha1.CLBTask); ok {
				p.release(requestOf(task))
			}
		},
	})
	return informer, err
}

func bucketsOf(api API, sources CredentialSources) func(request) polling.Bucket {
	return func(q request) polling.Bucket {
		account := api.Account
		if source := sources.of(q); source != nil {
			account = source.Account
		}
		return polling.Bucket{Host: api.Endpoint(q.product, q.region).Host, Account: account()}
	}
}

// start lets turns be granted until ctx ends, and tasks be put into the queue.
func (p *poller) start(ctx context.Context, queue priorityqueue.PriorityQueue[ctrl.Request]) {
	p.mu.Lock()
	p.ctx, p.queue = ctx, queue
	p.mu.Unlock()
	p.scheduler.Start()
	ofPoller.poller.Store(p)
	context.AfterFunc(ctx, func() {
		p.scheduler.Stop()
		ofPoller.poller.CompareAndSwap(p, nil)
	})
}

// look returns what is known of a request and around it.
func (p *poller) look(q request) (lifecycle.History, lifecycle.Health) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known.histories[q], p.known.healthAt(p.known.placeOf(q))
}

// track lets the request of a task be polled, as decided, until no task of it is left. It
// is idempotent.
func (p *poller) track(task *v1alpha1.CLBTask, decision lifecycle.Decision, now time.Time) {
	q := requestOf(task)
	p.mu.Lock()
	defer p.mu.Unlock()
	history, expedite := p.known.histories[q].Track(task, decision, now)
	p.known.histories[q] = history
	p.scheduler.Track(polling.Task[request]{
		Key: q, Bucket: p.bucketOf(q), Region: q.area(), Tenant: task.Namespace, Kind: task.Spec.Action,
		Age: ageOf(task, now), Polled: task.Status.StartTime != nil,
	})
	if decision.Force {
		p.scheduler.Forgive(q)
	}
	if expedite {
		p.scheduler.Expedite(q)
	}
}

// bucketOf returns the bucket of a request. If the account of its key has got another name, the
// requests that the key signs at that host count for it together. The lock is held.
func (p *poller) bucketOf(q request) polling.Bucket {
	bucket := p.known.bucketOf(q)
	of := signer{q.secret, bucket.Host}
	if last, known := p.known.buckets.Get(of); known && last != bucket {
		p.scheduler.Rename(last, bucket, func(other request) bool { return other.secret == q.secret })
	}
	p.known.buckets.Add(of, bucket)
	return bucket
}

// ageOf returns how old a task is, which decides when it is polled. One that no
// operator has seen before is new, even if the clocks say otherwise.
func ageOf(task *v1alpha1.CLBTask, now time.Time) time.Duration {
	switch {
	case task.Status.StartTime != nil:
		return now.Sub(task.Status.StartTime.Time)
	case task.Status.ObservedGeneration > 0:
		return now.Sub(task.CreationTimestamp.Time)
	default:
		return 0
	}
}

// release forgets a request if there is no task to poll it for, nor one that its verdict
// has yet to be written to. It reports whether it did.
func (p *poller) release(q request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Under the lock: a task that comes meanwhile is in the index, or tracks the
	// request again.
	if p.hasTask(q.polledKey()) || p.known.histories[q].Verdict() && p.hasTask(q.suspendingKey()) {
		return false
	}
	delete(p.known.histories, q)
	p.scheduler.Forget(q)
	return true
}

// hasTask reports whether the index has a task at a key, and true if it cannot tell.
func (p *poller) hasTask(key string) bool {
	tasks, err := p.tasks(key, client.Limit(1))
	return err != nil || len(tasks) > 0
}

// poll makes the one call that a turn allows.
func (p *poller) poll(q request, turn *polling.Turn[request]) {
	defer turn.Return(polling.Unused, 0) // If nothing below does: a second Return counts for nothing.
	if p.release(q) {
		return
	}
	p.mu.Lock()
	bucket := p.bucketOf(q)
	p.mu.Unlock()
	if bucket != turn.Bucket() {
		return // It has a place in the other bucket now.
	}
	pollQueueSeconds.Observe(turn.Waited().Seconds())
	sent := time.Now()
	observation, ok := p.call(q, bucket.Host)
	if !ok {
		turn.Return(polling.Aborted, 0)
		return
	}
	p.mu.Lock()
	common := turn.Return(outcomeOf(observation))
	concerned := p.known.observe(q, observation, sent, common)
	p.mu.Unlock()
	p.enqueueChanged(q)
	p.enqueueSpread(concerned)
}

// call polls once, at a host. It reports false if the controller is ending, which says nothing
// about the task.
func (p *poller) call(q request, host string) (lifecycle.Observation, bool) {
	begun := time.Now()
	status, err := p.api.DescribeTaskStatus(p.ctx, clb.TaskQuery{
		Product: q.product, Region: q.region, TaskID: q.taskID, DealName: q.dealName, Credentials: p.sources.of(q),
	})
	code, result, class := "OK", "error", ""
	var failed *clb.Error
	switch {
	case err == nil:
		result = [...]string{clb.Succeeded: "succeeded", clb.Failed: "failed", clb.InProgress: "in_progress"}[status.State]
	case errors.As(err, &failed):
		code, class = clb.KnownCode(failed.Code), lifecycle.About(failed.Problem).String()
		log.FromContext(p.ctx).V(1).Info("DescribeTaskStatus failed", q.logFields("code", failed.Code,
			"problem", failed.Problem, "apiRequestID", failed.RequestID, "message", failed.Message)...)
	default:
		return lifecycle.Observation{}, false
	}
	pollResults.WithLabelValues(result).Inc()
	apiCalls.WithLabelValues(host, code, class).Inc()
	if failed == nil || failed.Problem != clb.ProblemCredentialsMissing { // Else no call was made.
		apiCallSeconds.WithLabelValues(host).Observe(time.Since(begun).Seconds())
	}
	p.noteSimulator(host, status, failed)
	return lifecycle.Observation{Status: status, Err: failed}, true
}
