package e2e

import (
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// A replica takes over soon, whether the leader leaves or is killed, and no two replicas
// call at once.
func TestTakeOver(t *testing.T) {
	const lease = 5 * time.Second
	g := NewWithT(t)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("first"), key("second"), key("third")}})
	defer sky.Close()
	follow(t, sky, "default", "goes-on")
	ready := func(name string) *replica {
		r := start(t, sky, cluster.Kubeconfig, key(name), "--leader-elect",
			"--leader-election-retry-period=100ms",
			"--leader-election-lease-duration="+lease.String(), "--leader-election-renew-deadline=3s")
		soon(g, r.readiness).Should(Equal("ok"), r.text)
		return r
	}
	// over measures the time until a replica calls, and checks that the other has ended to.
	over := func(from, to *replica) time.Duration {
		begun := time.Now()
		soon(g, to.calls(sky)).Should(beSome, to.text)
		took, last := time.Since(begun), from.calls(sky)()
		g.Expect(from.process.Wait()).To(Or(Succeed(), MatchError("signal: killed")), from.text)
		g.Expect(from.calls(sky)()).To(Equal(last))
		return took
	}

	first := ready("first")
	soon(g, first.calls(sky)).Should(beSome, first.text)
	second := ready("second")
	g.Expect(first.process.Process.Signal(syscall.SIGTERM)).To(Succeed())
	took := over(first, second)
	t.Logf("the first call came %v after SIGTERM", took)
	g.Expect(took).To(BeNumerically("<", 3*time.Second))

	third := ready("third")
	g.Expect(third.calls(sky)()).To(BeZero())
	g.Expect(second.process.Process.Kill()).To(Succeed())
	took = over(second, third)
	t.Logf("the first call came %v after the leader was killed", took)
	g.Expect(took).To(BeNumerically("<", lease+3*time.Second))
	g.Expect(third.process.Process.Signal(syscall.SIGTERM)).To(Succeed())
	g.Expect(third.process.Wait()).To(Succeed(), third.text)
}
