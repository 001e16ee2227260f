package e2e

import (
	"flag"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

var upgradeFrom = flag.String("upgrade.from", "", "the `folder` of an earlier version, with its program as bin/manager")

// An earlier version is upgraded under load, its CRD first, and comes back. Then it has the CRD that came with
// the later one.
func TestUpgrade(t *testing.T) {
	if *upgradeFrom == "" {
		t.Skip("-upgrade.from names no earlier version")
	}
	g := NewWithT(t)
	beside, err := cluster.StartBeside()
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = beside.Kill() }()
	install := func(root string) {
		crd, err := realenv.CRD(root)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(beside.Install(crd)).To(Succeed())
	}
	install(*upgradeFrom)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	api, kubeconfig := newAPIGate(t, beside.Config, "default")
	l := newLives(t, beside.Client, "upgrade", sky)
	var leader *replica
	// lead lets a program take over, as a Deployment does it.
	lead := func(program string) {
		next := startProgram(t, program, sky, kubeconfig, key("some"), "--leader-elect", "--clb-not-found-grace=5s")
		soon(g, next.readiness).Should(Equal("ok"), next.text)
		if leader != nil {
			g.Expect(leader.process.Process.Signal(syscall.SIGTERM)).To(Succeed())
			g.Expect(leader.process.Wait()).To(Succeed(), leader.text)
		}
		leader = next
	}
	var all []lifeOf
	begin := func(stage string, n int) {
		more := everyStage(stage, n)
		l.begin(more...)
		all = append(all, more...)
	}
	ended := map[string]v1alpha1.CLBTaskStatus{}
	// end waits until a share of the lives have ended, and checks that the ends of former stages stand.
	end := func(stage string, most int) {
		look := l.look(all)
		g.Eventually(func() (int, error) { open, err := look(); return len(open), err }).WithTimeout(4*time.Minute).WithPolling(time.Second/4).
			Should(BeNumerically("<=", most), func() string { return fmt.Sprint(l.open(all), leader.text()) })
		list := new(v1alpha1.CLBTaskList)
		g.Expect(l.client.List(t.Context(), list, client.InNamespace(l.namespace))).To(Succeed())
		for _, task := range list.Items {
			if was, ok := ended[task.Name]; ok {
				g.Expect(task.Status).To(Equal(was), task.Name)
			}
			if task.Status.Phase.Final() {
				ended[task.Name] = task.Status
			}
		}
		g.Expect(list.Items).To(HaveLen(len(all)))
		t.Logf("%s: %d of %d have ended, after %d polls and %d writes", stage, len(ended), len(all), sky.CountCalls(), api.arrivals(patches))
	}

	earlier := filepath.Join(*upgradeFrom, "bin", "manager")
	lead(earlier)
	begin("before", 40)
	end("the earlier version", 120)
	install(root)
	begin("between", 4)
	end("with the later CRD", 130)
	lead(manager)
	begin("after", 4)
	end("the later version", 0)
	lead(earlier)
	begin("back", 4)
	end("the earlier version again", 0)
	l.unpolled()
	l.once() // Texts, and so events, may differ between versions.
}

// everyStage are so many lives of each kind, which end one after the other.
func everyStage(stage string, n int) []lifeOf {
	var all []lifeOf
	for i := range n {
		lasts := time.Duration(i) * time.Second
		for _, life := range []lifeOf{
			{name: "succeeds", request: clbsim.Task{Duration: lasts}, want: []string{"Succeeded/TaskSucceeded"}},
			{name: "fails", request: clbsim.Task{Result: clbsim.Failed, Duration: lasts}, want: []string{"Failed/TaskFailed"}},
			{name: "too-late", request: clbsim.Task{Result: clbsim.Stuck}, spec: v1alpha1.CLBTaskSpec{ActiveDeadlineSeconds: 1 + int64(i)}, want: []string{"Failed/DeadlineExceeded"}},
			{name: "unknown", request: clbsim.Task{Region: "ap-beijing"}, want: []string{"Unknown/TaskNotFound"}},
			{name: "waits", spec: v1alpha1.CLBTaskSpec{Suspend: true}, want: []string{"Suspended/Suspended"}},
			{name: "goes-on", request: clbsim.Task{Result: clbsim.Stuck}, want: []string{"Running/InProgress"}},
		} {
			life.name = fmt.Sprintf("%s-%s-%d", stage, life.name, i)
			all = append(all, life)
		}
	}
	return all
}
