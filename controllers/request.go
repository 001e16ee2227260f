package controllers

import (
	"cmp"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// request is what CLBTasks name and the API is polled for. Those that name the same one
// share its history and its turns. The product and the region are part of it although
// request IDs are unique: the answer of one must not count for a task that names another.
type request struct {
	product clb.Product // Never empty.
	region  string
	// taskID is a request ID; empty if dealName names an order in its place.
	taskID, dealName string
	// secret holds the key that polls; zero for the operator's own. What one account is
	// answered must not count for a task of another.
	secret types.NamespacedName
}

func requestOf(task *v1alpha1.CLBTask) request {
	product := clb.Product(cmp.Or(task.Spec.Product, v1alpha1.ProductCLB))
	q := request{product: product, region: task.Spec.Region, taskID: task.Spec.RequestID, dealName: task.Spec.DealName}
	if ref := task.Spec.CredentialsSecretRef; ref != nil {
		q.secret = types.NamespacedName{Namespace: task.Namespace, Name: ref.Name}
	}
	return q
}

// area is what fails together in a bucket: a region, of one product if several are at a
// host. Without the permission for one of them, polls of the other still succeed.
func (q request) area() string {
	if q.product == clb.CLB {
		return q.region
	}
	return string(q.product) + "/" + q.region
}

// logFields names the request in the log.
func (q request) logFields(more ...any) []any {
	fields := []any{"requestID", q.taskID, "region", q.region}
	if q.dealName != "" {
		fields[0], fields[1] = "dealName", q.dealName
	}
	if q.product != clb.CLB {
		fields = append(fields, "product", q.product)
	}
	return append(fields, more...)
}

// requestField is the field index of the tasks that a request is kept for.
const requestField = "request"

// polledKey is where the index has the tasks that the request is polled for.
func (q request) polledKey() string {
	return string(q.product) + "/" + q.region + "/" + q.taskID + "/" + q.dealName + "/" + q.secret.String()
}

// suspendingKey is where the index has the suspended tasks whose status does not say so
// yet: a verdict that is already known is written instead.
func (q request) suspendingKey() string { return "suspending/" + q.polledKey() }

func indexKeys(task *v1alpha1.CLBTask) []string {
	switch q := requestOf(task); {
	case lifecycle.Pollable(task):
		return []string{q.polledKey()}
	case !task.Status.Phase.Final() && task.DeletionTimestamp.IsZero() && task.Status.ObservedGeneration != task.Generation:
		return []string{q.suspendingKey()}
	default:
		return nil
	}
}

// outcomeOf says what an observation means for the order and the quota.
func outcomeOf(o lifecycle.Observation) (polling.Outcome, time.Duration) {
	if o.Err == nil {
		if o.Status.State == clb.InProgress {
			return polling.InProgress, 0
		}
		return polling.Finished, 0
	}
	switch lifecycle.About(o.Err.Problem) {
	case lifecycle.AboutRequest:
		return polling.Refused, 0
	case lifecycle.AboutAccount:
		return polling.AccountFailed, 0
	case lifecycle.AboutQuota:
		scopes := [...]polling.Outcome{clb.ScopeBucket: polling.Throttled, clb.ScopeAccount: polling.ThrottledAccount, clb.ScopeProcess: polling.ThrottledProcess}
		return scopes[o.Err.Scope], o.Err.RetryAfter
	default:
		return polling.EndpointFailed, 0
	}
}

// place is what requests share: the quota bucket, and the area in it.
type place struct {
	bucket polling.Bucket
	area   string
}

// signer is what makes the calls of a bucket: a key, whose account may get another name, at a host.
type signer struct {
	secret types.NamespacedName
	host   string
}

// maxPlaces bounds the places and the signers that are remembered. A region is text that users write,
// and only a place whose polls have failed lately is remembered at all.
const maxPlaces = 4096

// world is what is known of requests, and of the places that they share. The poller's
// lock guards it.
type world struct {
	bucketOf  func(request) polling.Bucket
	histories map[request]lifecycle.History
	places    *lru.Cache[place, lifecycle.Health]
	buckets   *lru.Cache[signer, polling.Bucket] // The last ones.
}

func newWorld(bucketOf func(request) polling.Bucket) (world, error) {
	places, err := lru.New[place, lifecycle.Health](maxPlaces)
	if err != nil {
		return world{}, err
	}
	buckets, err := lru.New[signer, polling.Bucket](maxPlaces)
	return world{bucketOf: bucketOf, histories: map[request]lifecycle.History{}, places: places, buckets: buckets}, err
}

func (w *world) placeOf(q request) place {
	return place{bucket: w.bucketOf(q), area: q.area()}
}

// healthAt returns how the polls of a place go.
func (w *world) healthAt(at place) lifecycle.Health {
	health, _ := w.places.Get(at)
	return health
}

// regionPhase is what tracked counts by.
type regionPhase struct {
	product clb.Product
	region  string
	phase   v1alpha1.Phase
}

// tracked counts the requests. It looks at each.
func (w *world) tracked() map[regionPhase]int {
	counts := map[regionPhase]int{}
	for q, history := range w.histories {
		phase := v1alpha1.PhasePending
		if history.Status != nil {
			phase = v1alpha1.PhaseRunning
		}
		counts[regionPhase{q.product, q.region, phase}]++
	}
	return counts
}

// observe adds an observation to what is known. It returns the requests whose tasks are
// to show another problem of their place from now on, or none. An observation that is not
// common to the place is about the request or its namespace.
func (w *world) observe(q request, o lifecycle.Observation, sent time.Time, common bool) []request {
	history, ok := w.histories[q]
	if !ok {
		return nil // Forgotten while the poll was under way.
	}
	at := w.placeOf(q)
	before := w.healthAt(at)
	w.histories[q] = history.Observe(o, before, sent)
	if w.histories[q].Verdict() && !history.Verdict() && history.Status != nil {
		detectionDelay.Observe(sent.Sub(history.Answered).Seconds())
	}
	after := before.ObserveQuota(o, sent)
	if common {
		after = before.Observe(o, sent)
	}
	if after == before {
		return nil
	}
	if after == (lifecycle.Health{}) {
		w.places.Remove(at)
	} else {
		w.places.Add(at, after)
	}
	if before.Account.Shown == after.Account.Shown && before.Endpoint.Shown == after.Endpoint.Shown {
		return nil
	}
	var concerned []request
	for other := range w.histories {
		if other.region == q.region && w.placeOf(other) == at {
			concerned = append(concerned, other)
		}
	}
	return concerned
}
