package controllers_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

// replica is a process of the operator in the simulation.
type replica struct {
	link   *testenv.Link
	cancel context.CancelFunc
	filled controllers.Filled
	ended  chan struct{} // Closed when it has ended.
}

// begin starts a replica beside those that run.
func (s *simulation) begin() {
	s.started++
	settings := s.settings
	settings.Logger = zap.New(zap.WriteTo(s.log), zap.StacktraceLevel(zapcore.PanicLevel))
	if s.elects { // As main has it.
		settings.LeaderElection, settings.LeaderElectionID, settings.LeaderElectionNamespace = true, "lease", "operator"
		settings.LeaseDuration, settings.RenewDeadline, settings.RetryPeriod = new(15*time.Second), new(10*time.Second), new(500*time.Millisecond)
		settings.LeaderElectionReleaseOnCancel = true
	}
	link := testenv.NewLink(fmt.Sprint("replica-", s.started))
	mgr := s.over(link, settings, credentials.Options{Source: credentials.FromSecret}, func(o *controllers.Options) { o.Slots = simulatedSlots })
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	r := &replica{link: link, cancel: cancel, filled: make(controllers.Filled), ended: make(chan struct{})}
	if err := mgr.Add(r.filled); err != nil {
		s.Fatal(err)
	}
	go func() {
		defer close(r.ended)
		if err := mgr.Start(ctx); err != nil && !s.elects { // Else it has lost the lease, and the kubelet starts it again.
			s.Errorf("%s: %v", link, err)
		}
	}()
	s.replicas = append(s.replicas, r)
}

// end lets a replica end as if it was told to, and returns when it has ended.
func (s *simulation) end(index int) { s.leave(index, (*testenv.Link).Release) }

// crash kills a replica: what it has under way never arrives, and it writes nothing more.
func (s *simulation) crash(index int) { s.leave(index, (*testenv.Link).Cut) }

func (s *simulation) leave(index int, how func(*testenv.Link)) {
	r := s.replicas[index]
	s.replicas = append(s.replicas[:index:index], s.replicas[index+1:]...)
	select { // controller-runtime does not notice that it is to end while its cache is not filled.
	case <-r.filled:
	case <-r.ended:
	}
	how(r.link)
	r.cancel()
	<-r.ended
}

// tend starts again what has ended by itself, as the kubelet does.
func (s *simulation) tend() {
	for index := len(s.replicas) - 1; index >= 0; index-- {
		select {
		case <-s.replicas[index].ended:
			s.end(index)
			s.begin()
		default:
		}
	}
}

// any returns the index of a replica.
func (s *simulation) anyReplica() int { return s.random.IntN(len(s.replicas)) }

// tail keeps the end of what is written, and counts the lines.
type tail struct {
	mu    sync.Mutex
	lines int
	text  []byte
}

const longestTail = 1 << 16

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines += bytes.Count(p, []byte("\n"))
	if t.text = append(t.text, p...); len(t.text) > 2*longestTail {
		t.text = append([]byte(nil), t.text[len(t.text)-longestTail:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

func (t *tail) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines
}
