package controllers_test

import (
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// counter counts the status writes of each task as a watch sees them.
type counter struct {
	mu     sync.Mutex
	writes map[string]int
}

func (w *world) countWrites() *counter {
	GinkgoHelper()
	c := &counter{writes: map[string]int{}}
	watcher, err := k8s.Watch(w.ctx, new(v1alpha1.CLBTaskList), client.InNamespace(w.namespace))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watcher.Stop)
	go func() {
		for event := range watcher.ResultChan() {
			if task, ok := event.Object.(*v1alpha1.CLBTask); ok && event.Type == watch.Modified {
				c.mu.Lock()
				c.writes[task.Name]++
				c.mu.Unlock()
			}
		}
	}()
	return c
}

func (c *counter) most() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := 0
	for _, n := range c.writes {
		most = max(most, n)
	}
	return most
}

// finished waits until n tasks of the world have succeeded.
func (w *world) finished(n int) {
	GinkgoHelper()
	Eventually(func() (int, error) {
		list := new(v1alpha1.CLBTaskList)
		err := k8s.List(w.ctx, list, client.InNamespace(w.namespace), client.MatchingFields{"status.phase": string(v1alpha1.PhaseSucceeded)})
		return len(list.Items), err
	}).WithTimeout(90 * time.Second).Should(Equal(n))
}

var _ = Describe("Whatever happens", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{RoundTrip: 20 * time.Millisecond}) })

	It("a hundred tasks at the API's full quota cost no throttled call and two writes each at most, even across a restart", func() {
		const tasks = 100
		full := func(s *setup) { s.slots = 20 }
		writes := w.countWrites()
		first := w.run(full)
		for i := range tasks {
			w.follow(fmt.Sprint("task-", i), clbsim.Task{Duration: time.Duration(i%40) * 100 * time.Millisecond})
		}
		Eventually(w.sim.CountCalls).WithTimeout(30 * time.Second).Should(BeNumerically(">", 30))
		first.stop()
		second := w.run(full)
		w.finished(tasks)
		second.stop()

		stats := w.sim.Stats().Accounts[secretID]
		Expect(stats.Throttled).To(BeZero())
		Expect(stats.Peak).To(BeNumerically("<=", 20))
		Expect(writes.most()).To(BeNumerically("<=", 2))

		calls := w.sim.CountCalls()
		w.run(full)
		// A task created now is answered after all that a restart may ask.
		w.reach(w.follow("after", clbsim.Task{}), rowSucceeded)
		Expect(w.sim.CountCalls()).To(Equal(calls + 1))
	})

	It("an answer outlives a failing API server: the verdict is written without asking again", func() {
		w.run(func(s *setup) { s.transport = refuseStatusWrites(5) })
		task := w.follow("kept", clbsim.Task{Outcome: clbsim.Failed, Message: "no such listener"})
		w.reach(task, rowFailed)
		Expect(w.sim.CallsFor(task.Spec.RequestID)).To(HaveLen(1))
	})

	It("a verdict is written although others write the object, too", func() {
		w.run()
		task := w.follow("busy", clbsim.Task{Duration: time.Second})
		for i := 0; ; i++ {
			fresh, err := w.get(task)
			Expect(err).NotTo(HaveOccurred())
			if isTrue(fresh, v1alpha1.ConditionSucceeded) {
				break
			}
			patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/n":"%d"}}}`, i))
			Expect(k8s.Patch(w.ctx, fresh, patch)).To(Succeed())
		}
		w.reach(task, rowSucceeded)
	})

	It("a deleted task is asked about no more", func() {
		w.run()
		task := w.follow("gone", clbsim.Task{Outcome: clbsim.Stuck})
		w.reach(task, rowRunning)
		Expect(k8s.Delete(w.ctx, task)).To(Succeed())
		last := w.follow("next", clbsim.Task{})
		w.reach(last, rowSucceeded)
		asked := len(w.sim.CallsFor(task.Spec.RequestID))
		Consistently(func() int { return len(w.sim.CallsFor(task.Spec.RequestID)) }).WithTimeout(2 * time.Second).Should(BeNumerically("<=", asked+1))
	})

	It("a task made anew under the same name gets its own verdict, not its predecessor's", func() {
		w.run()
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.Latency, TaskID: "old", Delay: time.Second})
		old := w.follow("name", clbsim.Task{ID: "old"})
		Eventually(func() int { return len(w.sim.CallsFor("old")) }).WithTimeout(10 * time.Second).WithPolling(5 * time.Millisecond).Should(Equal(1))
		Expect(k8s.Delete(w.ctx, old)).To(Succeed())
		made := w.follow("name", clbsim.Task{ID: "new", Outcome: clbsim.Failed})
		w.reach(made, rowFailed)
	})

	It("throttled answers are no problem of the tasks", func() {
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded", Message: "too fast", Share: 0.5})
		writes := w.countWrites()
		w.run()
		for i := range 20 {
			w.follow(fmt.Sprint("task-", i), clbsim.Task{Duration: time.Second})
		}
		w.finished(20)
		Expect(writes.most()).To(BeNumerically("<=", 2))
	})
})
