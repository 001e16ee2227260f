package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// A leader that was stopped for longer than its lease ends when it goes on. Then no status that it
// writes is accepted, and it spends no more than a second's quota beside the next one.
func TestPausedLeader(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const namespace, slots = "paused", 10
	keys := [...]clbsim.Credential{key("old"), key("next")}
	for i := range keys {
		keys[i].Account = "both"
	}
	simulator := clbsim.New(clbsim.Config{Credentials: keys[:]})
	var calls atomic.Int32 // Of the old leader.
	cloud := newGate(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "id-old") {
			calls.Add(1)
		}
		simulator.ServeHTTP(w, r)
	}))
	sky := realenv.Cloud{Simulator: simulator, Server: cloud.Server}
	l := newLives(t, cluster.Client, namespace, sky)
	all := everyEnd()
	for i := range 4 * slots { // So that both have something to poll at any time.
		all = append(all, lifeOf{name: fmt.Sprint("goes-on-", i), request: clbsim.Task{Result: clbsim.Stuck}, want: []string{"Running/InProgress"}})
	}
	l.begin(all...)
	l.watch()
	operate := func(key clbsim.Credential) (*replica, *gate) {
		api, kubeconfig := newAPIGate(t, cluster.Config, namespace)
		return start(t, sky, kubeconfig, key, "--watch-namespaces="+namespace, fmt.Sprint("--clb-requests-per-second=", slots), "--leader-elect",
			"--leader-election-retry-period=200ms", "--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2500ms"), api
	}

	old, api := operate(keys[0])
	soon(g, l.changes).Should(BeNumerically(">", slots), old.text)
	next, _ := operate(keys[1])
	soon(g, next.readiness).Should(Equal("ok"), next.text)
	g.Expect(old.process.Process.Signal(syscall.SIGSTOP)).To(Succeed())
	soon(g, func() []string { return l.open(all) }).Should(BeEmpty(), next.text)

	written, called, resumed := api.acceptances(patches), calls.Load(), time.Now()
	g.Expect(called).To(beSome)
	g.Expect(old.process.Process.Signal(syscall.SIGCONT)).To(Succeed())
	g.Expect(old.process.Wait()).To(MatchError("exit status 1"), old.text)
	took, made := time.Since(resumed), int(calls.Load()-called)
	t.Logf("it ended %v after it went on, with %d calls", took, made)
	g.Expect(took).To(BeNumerically("<", 2500*time.Millisecond), "it need not fail to renew first")
	g.Expect(made).To(BeNumerically("<=", slots*(1+int(took.Seconds()))))
	g.Expect(api.acceptances(patches)).To(Equal(written), "statuses of it that were accepted since")
	g.Expect(sky.Stats().Accounts["both"].Peak).To(BeNumerically("<=", 2*slots))
	l.check()
}
