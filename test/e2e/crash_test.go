package e2e

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// Every CLBTask ends as its request did, and reads everything once, although the operator is killed at
// any step. The next process keeps to the quota.
func TestCrash(t *testing.T) {
	const slots = 5
	next := 0
	for sentence, at := range map[string]step{
		"before it lists":                      {kind: "LIST clbtasks", nth: 1},
		"when it has listed":                   {kind: "LIST clbtasks", nth: 1, served: true},
		"before it asks whose the key is":      {kind: "GetCallerIdentity", nth: 1},
		"when it was told whose the key is":    {kind: "GetCallerIdentity", nth: 1, served: true},
		"before the first poll":                {kind: "DescribeTaskStatus", nth: 1},
		"when the first poll was answered":     {kind: "DescribeTaskStatus", nth: 1, served: true},
		"before a later poll":                  {kind: "DescribeTaskStatus", nth: 9},
		"when a later poll was answered":       {kind: "DescribeTaskStatus", nth: 9, served: true},
		"before it writes the first status":    {kind: "PATCH clbtasks/status", nth: 1},
		"when the first status was written":    {kind: "PATCH clbtasks/status", nth: 1, served: true},
		"before it writes a later status":      {kind: "PATCH clbtasks/status", nth: 8},
		"when a later status was written":      {kind: "PATCH clbtasks/status", nth: 8, served: true},
		"before it emits an event":             {kind: "POST events", nth: 1},
		"when an event was emitted":            {kind: "POST events", nth: 1, served: true},
		"before it deletes what has expired":   {kind: "DELETE clbtasks", nth: 1},
		"when what has expired was deleted":    {kind: "DELETE clbtasks", nth: 1, served: true},
		"before it takes the lease":            {kind: "POST leases", nth: 1},
		"when it has taken the lease":          {kind: "POST leases", nth: 1, served: true},
		"before it renews the lease, at polls": {kind: "PUT leases", nth: 8},
		"when it has renewed the lease":        {kind: "PUT leases", nth: 8, served: true},
	} {
		next++
		namespace := fmt.Sprint("crash-", next)
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			simulator := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
			cloud := newGate(t, simulator)
			sky := realenv.Cloud{Simulator: simulator, Server: cloud.Server}
			api, kubeconfig := newAPIGate(t, cluster.Config, namespace)
			cloud.hold(at)
			api.hold(at)
			l := newLives(t, cluster.Client, namespace, sky)
			l.begin(everyEnd()...)
			l.watch()
			operate := func() *replica {
				return start(t, sky, kubeconfig, key("some"), "--sts-endpoint="+sky.URL, "--watch-namespaces="+namespace,
					fmt.Sprint("--clb-requests-per-second=", slots), "--leader-elect", "--leader-election-retry-period=200ms",
					"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2500ms")
			}

			r := operate()
			select {
			case <-cloud.held:
			case <-api.held:
			case <-time.After(time.Minute):
				t.Fatal("the step does not come: ", r.text())
			}
			g.Expect(r.process.Process.Kill()).To(Succeed())
			_ = r.process.Wait()
			close(cloud.release)
			close(api.release)

			r = operate()
			soon(g, func() []string { return l.open(everyEnd()) }).Should(BeEmpty(), r.text)
			g.Expect(sky.Stats().Accounts["id-some"].Peak).To(BeNumerically("<=", slots))
			soon(g, func() int { return api.acceptances(patches) - l.changes() }).Should(BeZero(), "writes that change nothing")
			l.awaitPolls("goes-on", r.text)
			l.unpolled()
			l.check()
		})
	}
}
