package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// cluster is a real API server, for as long as the program runs.
type cluster struct {
	*realenv.Cluster
	simulator string // The file of the simulator's program.
	spaces    atomic.Int64
}

// startCluster starts a cluster with the CRDs of a folder of the repository.
func startCluster(crds, simulator string) (*cluster, error) {
	log.SetLogger(logr.Discard())
	started, err := realenv.Start(filepath.Join(crds, "..", "..", ".."))
	if err != nil {
		return nil, err
	}
	return &cluster{Cluster: started, simulator: simulator}, nil
}

func (c *cluster) close() { _ = c.Stop() }

// namespace makes a new one.
func (c *cluster) namespace(ctx context.Context) (string, error) {
	name := fmt.Sprintf("bench-%d", c.spaces.Add(1))
	return name, c.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// operate runs the operator for some namespaces until it is stopped or the context ends.
func (c *cluster) operate(ctx context.Context, r *run, namespaces ...string) (stop func(), err error) {
	options := controllers.Options{Slots: quota, NotFoundGrace: 2 * time.Minute, Namespaces: namespaces}
	end, err := c.Run(r.api, options, nil) //nolint:contextcheck // It runs until it is stopped.
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = end() })
	pause(ctx, warmUp)
	return func() { _ = end() }, nil
}

// observer sees verdicts as any client does: by a watch.
type observer struct {
	mu     sync.Mutex
	jobs   map[string]*job
	writes int
	// running is when a task was first seen as running.
	running map[string]time.Time
}

// observe watches the tasks of a namespace until the context ends.
func (c *cluster) observe(ctx context.Context, r *run, namespace string) (*observer, error) {
	o := &observer{jobs: map[string]*job{}, running: map[string]time.Time{}}
	events, err := c.Client.Watch(ctx, &v1alpha1.CLBTaskList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, events.Stop)
	go func() {
		for event := range events.ResultChan() {
			if task, ok := event.Object.(*v1alpha1.CLBTask); ok {
				o.see(r, task, time.Now())
			}
		}
	}()
	return o, nil
}

func (o *observer) see(r *run, task *v1alpha1.CLBTask, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	j := o.jobs[task.Name]
	if j == nil || task.Status.ObservedGeneration < 0 {
		return // Nobody has written a status yet.
	}
	o.writes++
	if meta.IsStatusConditionTrue(task.Status.Conditions, v1alpha1.ConditionRunning) && o.running[task.Name].IsZero() {
		o.running[task.Name] = at
	}
	switch succeeded := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionSucceeded); {
	case succeeded == nil || succeeded.Status == metav1.ConditionUnknown:
	case succeeded.Status == metav1.ConditionTrue:
		r.settle(j, clb.Succeeded, at)
	default:
		r.settle(j, clb.Failed, at)
	}
}

// submit creates the CLBTask of a job.
func (c *cluster) submit(ctx context.Context, o *observer, namespace string, j *job) error {
	o.mu.Lock()
	o.jobs[j.id] = j
	o.mu.Unlock()
	return c.Client.Create(ctx, &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: j.id},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: j.id, Region: j.region, Action: j.action},
	})
}

// execute puts a load on the operator and measures it.
func (c *cluster) execute(ctx context.Context, l load, seed uint64, repetition int) (figures, error) {
	r, err := newRun(seed + uint64(repetition))
	if err != nil {
		return figures{}, err
	}
	defer r.server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	namespace, err := c.namespace(ctx)
	if err != nil {
		return figures{}, err
	}
	o, err := c.observe(ctx, r, namespace)
	if err != nil {
		return figures{}, err
	}
	stop, err := c.operate(ctx, r, namespace)
	if err != nil {
		return figures{}, err
	}
	defer stop()
	r.begin(l.failures)
	if err := c.submitAll(ctx, r, o, namespace, l.arrivals(seed, repetition)); err != nil {
		return figures{}, err
	}
	r.wait(ctx)
	f := r.measure(time.Now(), l)
	o.mu.Lock()
	f.writes = float64(o.writes) / float64(l.tasks+l.stuck)
	o.mu.Unlock()
	return f, nil
}

// submitAll creates the CLBTasks of all arrivals, eight at a time where they
// arrive together.
func (c *cluster) submitAll(ctx context.Context, r *run, o *observer, namespace string, all []arrival) error {
	var creators errgroup.Group
	creators.SetLimit(creating)
	r.arrive(ctx, all, func(j *job) {
		creators.Go(func() error { return c.submit(ctx, o, namespace, j) })
	})
	return creators.Wait()
}

// creating is how many objects are created at a time.
const creating = 8
