package controllers

import (
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// request is what CLBTasks name and the API is polled for. Those that name the same one
// share its history and its turns. The region is part of it although request IDs are
// unique: the answer of one region must not count for a task that names another.
type request struct {
	region, taskID string
}

func requestOf(task *v1alpha1.CLBTask) request {
	return request{region: task.Spec.Region, taskID: task.Spec.RequestID}
}

// requestField is the field index of the tasks of a request.
const requestField = "request"

func (q request) indexKey() string { return q.region + "/" + q.taskID }

// place is what requests share: the quota bucket, and the region in it. With no region
// it is the bucket as a whole.
type place struct {
	bucket polling.Bucket
	region string
}

// trend is how the polls of a place go, while requests of it are tracked.
type trend struct {
	lifecycle.Trend
	requests int
}

// world is what is known of requests, and of the places that they share. The poller's
// lock guards it.
type world struct {
	bucketOf  func(region string) polling.Bucket
	histories map[request]lifecycle.History
	places    map[place]*trend
}

func newWorld(bucketOf func(region string) polling.Bucket) world {
	return world{bucketOf: bucketOf, histories: map[request]lifecycle.History{}, places: map[place]*trend{}}
}

// placesOf returns the places of a request: the account at its host, and the region
// there.
func (w *world) placesOf(q request) (account, endpoint place) {
	bucket := w.bucketOf(q.region)
	return place{bucket: bucket}, place{bucket: bucket, region: q.region}
}

func (w *world) health(q request) lifecycle.Health {
	var health lifecycle.Health
	account, endpoint := w.placesOf(q)
	if t := w.places[account]; t != nil {
		health.Account = t.Trend
	}
	if t := w.places[endpoint]; t != nil {
		health.Endpoint = t.Trend
	}
	return health
}

func (w *world) add(q request, now time.Time) {
	if _, ok := w.histories[q]; ok {
		return
	}
	w.histories[q] = lifecycle.History{Begun: now}
	account, endpoint := w.placesOf(q)
	for _, at := range []place{account, endpoint} {
		if w.places[at] == nil {
			w.places[at] = new(trend)
		}
		w.places[at].requests++
	}
}

func (w *world) remove(q request) {
	if _, ok := w.histories[q]; !ok {
		return
	}
	delete(w.histories, q)
	account, endpoint := w.placesOf(q)
	for _, at := range []place{account, endpoint} {
		w.places[at].requests--
		if w.places[at].requests == 0 {
			delete(w.places, at)
		}
	}
}

// observe adds an observation to what is known. It returns the requests whose tasks are
// to show another problem of a place from now on, or none.
func (w *world) observe(q request, o lifecycle.Observation, sent time.Time) []request {
	history, ok := w.histories[q]
	if !ok {
		return nil // Forgotten while the poll was under way.
	}
	w.histories[q] = history.Observe(o, sent)
	account, endpoint := w.placesOf(q)
	before := w.health(q)
	after := before.Observe(o, sent)
	w.places[account].Trend, w.places[endpoint].Trend = after.Account, after.Endpoint
	ofAccount := before.Account.Shown != after.Account.Shown
	if !ofAccount && before.Endpoint.Shown == after.Endpoint.Shown {
		return nil
	}
	var concerned []request
	for other := range w.histories {
		if ofAccount && w.bucketOf(other.region) == account.bucket || other.region == q.region {
			concerned = append(concerned, other)
		}
	}
	return concerned
}
