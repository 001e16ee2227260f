package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

// gate stands between an operator and a server. It counts the requests, and may hold one
// of them.
type gate struct {
	*httptest.Server
	next http.Handler

	mu       sync.Mutex
	arrived  map[string]int // By kind.
	accepted map[string]int // Those that were answered without an error.
	holding  step
	held     chan struct{} // Closed when the request is there.
	release  chan struct{} // Closed when it may be dropped.
	shut     chan struct{} // While it is not nil: closed when the gate is opened again.
	slow     time.Duration // What each request takes longer.
}

// step is a moment of a request: when it arrives, or when it was served and the answer has
// not left.
type step struct {
	kind   string // As kindOf returns.
	nth    int    // From 1.
	served bool
}

func newGate(t *testing.T, next http.Handler) *gate {
	t.Helper()
	g := &gate{next: next, arrived: map[string]int{}, accepted: map[string]int{}, held: make(chan struct{}), release: make(chan struct{})}
	g.Server = httptest.NewUnstartedServer(g)
	g.Config.ErrorLog = log.New(io.Discard, "", 0) // Of processes that were killed.
	g.Start()
	t.Cleanup(g.Close)
	return g
}

// newAPIGate returns a gate in front of an API server, and a kubeconfig with the rights of
// a config for it, whose namespace holds the lease.
func newAPIGate(t *testing.T, config *rest.Config, namespace string) (g *gate, kubeconfig []byte) {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	g = newGate(t, &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1, // Watches.
		ErrorLog:      log.New(io.Discard, "", 0),
	})
	return g, fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Config", "current-context": "gate",
		"clusters": [{"name": "gate", "cluster": {"server": %q}}],
		"contexts": [{"name": "gate", "context": {"cluster": "gate", "namespace": %q}}]}`, g.URL, namespace)
}

// ServeHTTP passes a request on.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := kindOf(r)
	g.mu.Lock()
	g.arrived[kind]++
	holds := g.holding.kind == kind && g.holding.nth == g.arrived[kind]
	served, shut, slow := g.holding.served, g.shut, g.slow
	g.mu.Unlock()
	if shut != nil {
		pause(r, shut)
	}
	if slow > 0 {
		pause(r, time.After(slow))
	}
	if holds && !served {
		g.drop()
	}
	if r.Method != http.MethodGet { // A write goes on if the client is killed, and is counted.
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	g.next.ServeHTTP(&answer{w, func(status int) {
		if status < http.StatusBadRequest {
			g.mu.Lock()
			g.accepted[kind]++
			g.mu.Unlock()
		}
		if holds {
			g.drop()
		}
	}}, r)
}

// pause lets a request wait for something.
func pause[T any](r *http.Request, until <-chan T) {
	select {
	case <-until:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// drop holds a request, and drops it when that is over.
func (g *gate) drop() {
	close(g.held)
	<-g.release
	panic(http.ErrAbortHandler)
}

// hold lets the gate hold the request of a step.
func (g *gate) hold(at step) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding = at
}

// stall lets all requests wait until open is called.
func (g *gate) stall() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := make(chan struct{})
	g.shut = shut
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.shut = nil
		close(shut)
	})
}

// delay lets each request take longer.
func (g *gate) delay(by time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.slow = by
}

// arrivals and acceptances return how many requests of a kind have come, and were
// answered without an error.
func (g *gate) arrivals(kind string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.arrived[kind]
}

func (g *gate) acceptances(kind string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.accepted[kind]
}

// answer calls a function before an answer leaves.
type answer struct {
	http.ResponseWriter
	leaves func(status int) // Nil when it was called.
}

func (a *answer) WriteHeader(status int) {
	if leaves := a.leaves; leaves != nil {
		a.leaves = nil
		leaves(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.leaves != nil {
		a.WriteHeader(http.StatusOK)
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets watches be flushed.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

var resource = regexp.MustCompile(`/(clbtasks|events|leases)(/[^/]+)?(/status)?$`)

// kindOf returns the action of a call of the cloud, or else the verb and the resource.
func kindOf(r *http.Request) string {
	if action := r.Header.Get("X-Tc-Action"); action != "" {
		return action
	}
	found := resource.FindStringSubmatch(r.URL.Path)
	if found == nil {
		return ""
	}
	verb := r.Method
	switch {
	case r.URL.Query().Get("sendInitialEvents") == "true":
		verb = "LIST" // As a watch.
	case r.URL.Query().Has("watch"):
		verb = "WATCH"
	case verb == http.MethodGet && found[2] == "":
		verb = "LIST"
	}
	return verb + " " + found[1] + found[3]
}
