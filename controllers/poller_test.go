package controllers

import (
	"context"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// rotating is a CredentialSource whose key can change, and that can be held up.
type rotating struct {
	mu   sync.Mutex
	id   string
	hold func()
}

func (r *rotating) Credential(context.Context) (clb.Credential, error) {
	r.mu.Lock()
	hold := r.hold
	r.hold = nil
	r.mu.Unlock()
	if hold != nil {
		hold()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return clb.NewCredential(r.id, r.id, ""), nil
}

// next holds up whoever asks for the credential next.
func (r *rotating) next(hold func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = hold
}

func (r *rotating) rotate(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.id = id
}

// polled is a poller at a simulated cloud with one task that has ended.
type polled struct {
	*poller
	t           *testing.T
	credentials *rotating
	woken       chan types.NamespacedName
}

func newPolled(t *testing.T) *polled {
	t.Helper()
	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "old", SecretKey: "old"}, {SecretID: "new", SecretKey: "new"}}})
	sim.AddTask(clbsim.Task{ID: "r-1"})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	endpoints, err := clb.NewEndpoints("", server.URL)
	if err != nil {
		t.Fatal(err)
	}
	api, err := clb.NewAPI(endpoints, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	p := &polled{t: t, credentials: &rotating{id: "old"}, woken: make(chan types.NamespacedName, 100)}
	if p.poller, err = newPoller(api, p.credentials, Options{Slots: 5, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	p.start(t.Context(), func(name types.NamespacedName) { p.woken <- name })
	return p
}

// follow asks for the next turn of a task, as Reconcile does.
func (p *polled) follow(name string) {
	p.t.Helper()
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, CreationTimestamp: metav1.Now()},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou"},
	}
	p.look(types.NamespacedName{Namespace: "ns", Name: name}, types.UID(name))
	if err := p.ask(p.t.Context(), task); err != nil {
		p.t.Error(err)
	}
}

// answer goes on as Reconcile does until each task has its answer.
func (p *polled) answer(names ...string) {
	p.t.Helper()
	left := map[string]bool{}
	for _, name := range names {
		left[name] = true
	}
	for limit := time.After(20 * time.Second); len(left) > 0; {
		select {
		case woken := <-p.woken:
			if seen, _, _ := p.look(woken, types.UID(woken.Name)); seen != nil {
				delete(left, woken.Name)
			} else {
				p.follow(woken.Name)
			}
		case <-limit:
			p.t.Fatalf("no answer for %v", left)
		}
	}
}

func TestATaskThatJoinsWhileATurnIsOutIsNotLostWhere(t *testing.T) {
	for sentence, meanwhile := range map[string]func(p *polled){
		"the key is rotated meanwhile": func(p *polled) {
			p.follow("second")
			p.credentials.rotate("new")
		},
		"the one who asked for it has left": func(p *polled) {
			p.forget(types.NamespacedName{Namespace: "ns", Name: "first"})
			p.follow("second")
			p.follow("first")
		},
		"it is used": func(p *polled) { p.follow("second") },
	} {
		t.Run(sentence, func(t *testing.T) {
			p := newPolled(t)
			p.follow("first")
			done := make(chan struct{})
			p.credentials.next(func() { // The next to ask is the turn.
				meanwhile(p)
				close(done)
			})
			<-done
			p.answer("first", "second")
		})
	}
}

func TestAStatusThatCouldNotBeWrittenIsTriedAgainSoon(t *testing.T) {
	limiter := writeBackoff()
	var longest time.Duration
	for range 100 {
		longest = max(longest, limiter.When(ctrl.Request{}))
	}
	if longest != 15*time.Second {
		t.Errorf("after many failures it waits for %v", longest)
	}
}
