package testenv

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// client-go reports an error no earlier than a millisecond after the previous one in
// the process, or after the start of the process: it sleeps until then. Bubbles begin
// in the year 2000, so that the first error in each would sleep for decades.
func init() {
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
}

// Cluster is an API server for CLBTasks in memory.
type Cluster struct {
	tb  testing.TB
	crd *crd

	mu sync.Mutex
	store
	changed      chan struct{} // Closed and replaced at each change.
	epoch        int           // Watches of an earlier epoch end.
	gap          bool          // Lists and watches wait.
	events       map[types.NamespacedName]*eventsv1.Event
	leases       map[types.NamespacedName]*object
	eventOrder   []types.NamespacedName
	requests     []Request
	statusWrites map[types.UID]int

	fault       func(*http.Request) error
	latency     time.Duration
	skew        time.Duration
	lag         time.Duration
	dropRandom  *rand.Rand
	dropRate    float64
	noWatchList bool
}

// Request is a request that a client of Config sent. Code is 0 if the client got
// no response.
type Request struct {
	Time       time.Time
	Verb, Path string
	Code       int
}

// New returns an empty cluster for the bubble that calls it.
func New(tb testing.TB) *Cluster {
	tb.Helper()
	crd, err := loadCRD()
	if err != nil {
		tb.Fatal(err)
	}
	return &Cluster{
		tb:           tb,
		crd:          crd,
		store:        store{version: 1, objects: map[types.NamespacedName]*object{}, fresh: map[types.UID]bool{}},
		changed:      make(chan struct{}),
		epoch:        1,
		events:       map[types.NamespacedName]*eventsv1.Event{},
		leases:       map[types.NamespacedName]*object{},
		statusWrites: map[types.UID]int{},
	}
}

// Config returns how the clients under test reach the cluster. It does not limit
// their rate.
func (c *Cluster) Config() *rest.Config { return restConfig(transport{cluster: c}) }

// Client returns a client for the test itself: faults and latency do not affect its
// requests, and they are not counted.
func (c *Cluster) Client() client.WithWatch {
	c.tb.Helper()
	made, err := client.NewWithWatch(restConfig(transport{cluster: c, exempt: true}), client.Options{Scheme: c.Scheme(), Mapper: c.Mapper()})
	if err != nil {
		c.tb.Fatal(err)
	}
	return made
}

func restConfig(transport http.RoundTripper) *rest.Config {
	json := rest.ContentConfig{ContentType: runtime.ContentTypeJSON, AcceptContentTypes: runtime.ContentTypeJSON}
	return &rest.Config{Host: "http://cluster.invalid", ContentConfig: json, Transport: transport, QPS: -1}
}

// Scheme returns a new scheme that knows CLBTasks.
func (*Cluster) Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// Mapper returns a new mapper that needs no discovery. Like that of discovery it knows
// the kind of lists, which a cache of several namespaces looks up.
func (*Cluster) Mapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion})
	mapper.Add(taskKind, meta.RESTScopeNamespace)
	mapper.Add(taskKind.GroupVersion().WithKind(taskKind.Kind+"List"), meta.RESTScopeNamespace)
	return mapper
}

// ManagerOptions returns options for a manager that opens no socket, elects no
// leader, and logs to tb.
func (c *Cluster) ManagerOptions(tb testing.TB) manager.Options {
	tb.Helper()
	return manager.Options{
		Scheme:                 c.Scheme(),
		MapperProvider:         func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return c.Mapper(), nil },
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Controller:             config.Controller{SkipNameValidation: new(true)},
		Logger:                 zap.New(zap.WriteTo(tb.Output())),
	}
}

// Start runs a manager until stop is called, or to the end of the test. stop returns
// when the manager has stopped. If the manager is still starting, stop first waits
// until it has started, so nothing may keep the caches from that.
func Start(tb testing.TB, mgr manager.Manager) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := mgr.Start(ctx); err != nil {
			tb.Errorf("manager: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		// controller-runtime v0.25 spins if it is stopped while it starts.
		select {
		case <-mgr.Elected():
		case <-stopped:
		}
		cancel()
		<-stopped
	})
	tb.Cleanup(stop)
	return stop
}

// SetFault lets fault decide about each request of a client of Config. If it returns
// nil, the request is served. If it returns an error with a metav1.Status, that is
// the response. Any other error fails the request as the network does: after it has
// been served if the error comes from Lost, and before otherwise.
func (c *Cluster) SetFault(fault func(*http.Request) error) { c.set(func() { c.fault = fault }) }

// SetLatency delays each CLBTask request of a client of Config. It does not delay
// event requests: client-go holds a mutex during some, and virtual time stands still
// while another goroutine waits for that.
func (c *Cluster) SetLatency(latency time.Duration) { c.set(func() { c.latency = latency }) }

// SetClockSkew sets how far the cluster's clock is ahead of the clients'.
func (c *Cluster) SetClockSkew(skew time.Duration) { c.set(func() { c.skew = skew }) }

// SetLag sets how much later than a change watches tell of it. Lists that allow any version, as those
// that fill a cache do, are as old.
func (c *Cluster) SetLag(lag time.Duration) { c.set(func() { c.lag = lag }) }

// Observe lets a function see each change of a CLBTask as it is made, in order: before is nil if it is
// created, after if it is deleted. The function may not use the cluster.
func (c *Cluster) Observe(observe func(before, after *v1alpha1.CLBTask)) {
	c.set(func() { c.observe = observe })
}

// DropEvents loses each event of each watch with a probability from 0 to 1, as
// random has it. The watch goes on.
func (c *Cluster) DropEvents(random *rand.Rand, probability float64) {
	c.set(func() { c.dropRandom, c.dropRate = random, probability })
}

// DisableWatchList makes the cluster refuse to stream lists, as servers older than
// the client do. The client then lists before it watches.
func (c *Cluster) DisableWatchList() { c.set(func() { c.noWatchList = true }) }

// EndWatches ends every watch. Clients can continue from the version they know.
func (c *Cluster) EndWatches() { c.set(func() { c.epoch++ }) }

// Expire ends every watch and forgets the history. Clients get 410 Gone and must
// list again. Lists and watches wait while gap runs, if it is not nil: clients see
// the result of its changes, but not the changes.
func (c *Cluster) Expire(gap func()) {
	c.set(func() { c.epoch++; c.gap = true })
	if gap != nil {
		gap()
	}
	c.set(func() { c.epoch++; c.gap = false; c.compact() })
}

// Snapshot is a state of the CLBTasks.
type Snapshot struct {
	version int64
	objects map[types.NamespacedName]*object
}

// Snapshot returns the present state.
func (c *Cluster) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Snapshot{c.version, maps.Clone(c.objects)}
}

// Restore ends every watch and returns to an earlier state, as a restored etcd does.
// Resource versions go back, too: a watch from a later version hears nothing until
// the server has reached it again. For a restore that moves the versions beyond all
// earlier ones, let Expire follow.
func (c *Cluster) Restore(state Snapshot) {
	c.set(func() { c.epoch++; c.rewind(state) })
}

// set changes the cluster and lets watches and gaps look at it.
func (c *Cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.broadcast()
}

func (c *Cluster) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Requests returns what the clients of Config have sent, in the order of the
// responses.
func (c *Cluster) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// StatusWrites returns how many writes of an object's status the cluster accepted
// from the clients of Config, with those that changed nothing.
func (c *Cluster) StatusWrites(uid types.UID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statusWrites[uid]
}

// Events returns the events about the objects of a name, in the order of creation.
func (c *Cluster) Events(about types.NamespacedName) []eventsv1.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []eventsv1.Event
	for _, key := range c.eventOrder {
		event := c.events[key]
		if event.Regarding.Namespace == about.Namespace && event.Regarding.Name == about.Name {
			found = append(found, *event.DeepCopy())
		}
	}
	return found
}
