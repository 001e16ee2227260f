package controllers

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

// followed is a request that many tasks name; half of them are suspended.
var followed = request{product: clb.CLB, region: "ap-guangzhou", taskID: "request"}

// pollerOf returns a poller whose cache holds n tasks of one request, every second one
// suspended.
func pollerOf(t *testing.T, n int) *poller {
	t.Helper()
	cluster := testenv.New(t)
	for i := range n {
		task := &v1alpha1.CLBTask{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("task-", i)},
			Spec:       v1alpha1.CLBTaskSpec{Region: followed.region, RequestID: followed.taskID, Suspend: i%2 == 1},
		}
		if err := cluster.Client().Create(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	options := Options{}.CacheOptions()
	options.Scheme, options.Mapper = cluster.Scheme(), cluster.Mapper()
	source, err := cache.New(cluster.Config(), options)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPoller(silent{}, nil, source, lifecycle.Policy{}, 20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.followCache(source); err != nil {
		t.Fatal(err)
	}
	go func() { _ = source.Start(t.Context()) }()
	<-time.After(time.Minute)
	synctest.Wait()
	return p
}

// The index holds pollable tasks.
func TestIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pollerOf(t, 10)
		list := new(v1alpha1.CLBTaskList)
		if err := p.reader.List(t.Context(), list, client.MatchingFields{requestField: followed.polledKey()}); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != 5 {
			t.Errorf("%d tasks, of 5 pollable and 5 suspended ones", len(list.Items))
		}
	})
}

// Release copies one task.
func TestReleaseCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pollerOf(t, 400)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if p.release(followed) {
			t.Error("a request is forgotten although tasks of it are pollable")
		}
		runtime.ReadMemStats(&after)
		if size := after.TotalAlloc - before.TotalAlloc; size > 40_000 {
			t.Errorf("%d bytes allocated with the lock held, for a request of 200 pollable tasks", size)
		}
	})
}

// brokenIndex cannot list one request.
type brokenIndex struct {
	client.Reader
	broken request
}

func (r brokenIndex) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	var all client.ListOptions
	all.ApplyOptions(options)
	if key, _ := all.FieldSelector.RequiresExactMatch(requestField); key == r.broken.polledKey() {
		return errors.New("no such index")
	}
	return r.Reader.List(ctx, list, options...)
}

// A request that cannot be listed stops no other.
func TestListError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pollerOf(t, 4)
		queue := priorityqueue.New[ctrl.Request]("test")
		defer queue.ShutDown()
		p.ctx, p.queue = t.Context(), queue
		broken := request{product: clb.CLB, region: followed.region, taskID: "broken"}
		p.reader = brokenIndex{Reader: p.reader, broken: broken}
		p.enqueueSpread([]request{broken, followed})
		<-time.After(time.Second)
		if queue.Len() != 2 {
			t.Errorf("%d tasks are enqueued, want 2", queue.Len())
		}
	})
}

// A resync enqueues all tasks. Those whose status would change are spread over time.
func TestResync(t *testing.T) {
	const tasks = 4 * spreadRate // Half of them are to read as suspended, and nobody has written that.
	synctest.Test(t, func(t *testing.T) {
		p := pollerOf(t, tasks)
		queue := priorityqueue.New[ctrl.Request]("test")
		defer queue.ShutDown()
		p.start(t.Context(), queue)
		most, seen := 0, map[ctrl.Request]bool{}
		for begun := time.Now(); time.Since(begun) < 10*time.Minute; <-time.After(time.Second) {
			n := queue.Len()
			most = max(most, n)
			for range n {
				name, _ := queue.Get()
				seen[name] = true
				queue.Done(name)
			}
		}
		if want := tasks/2 + spreadRate + 1; len(seen) != tasks || most > want {
			t.Errorf("%d of %d tasks within ten minutes, %d within a second; want at most %d", len(seen), tasks, most, want)
		}
	})
}
