package controllers_test

import (
	"fmt"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// history is what a watch over one task sees: the rows of its statuses, in
// order, each as often as it was written.
type history struct {
	mu    sync.Mutex
	rows  []string
	wrong []string
}

// watch begins a history of the task of that name, before it is created.
func (w *world) watch(name string) *history {
	GinkgoHelper()
	h := new(history)
	watcher, err := k8s.Watch(w.ctx, new(v1alpha1.CLBTaskList), client.InNamespace(w.namespace), client.MatchingFields{"metadata.name": name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(watcher.Stop)
	go func() {
		var last v1alpha1.CLBTaskStatus
		for event := range watcher.ResultChan() {
			task, ok := event.Object.(*v1alpha1.CLBTask)
			if !ok || event.Type == watch.Deleted || equality.Semantic.DeepEqual(task.Status, last) {
				continue // A change of the spec, or none of a task.
			}
			h.add(task, last)
			last = task.Status
		}
	}()
	return h
}

func (h *history) add(task *v1alpha1.CLBTask, last v1alpha1.CLBTaskStatus) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows = append(h.rows, row(task.Status))
	status := task.Status
	fresh := status.ObservedGeneration == -1
	claim := func(holds bool, sentence string) {
		if !holds {
			h.wrong = append(h.wrong, fmt.Sprintf("not so: %s: %s", sentence, row(status)))
		}
	}
	claim(fresh == (last.Phase == ""), "only the first status is the schema's default")
	claim(fresh || status.ObservedGeneration == task.Generation, "a status speaks of the present generation")
	claim(last.StartTime == nil || status.StartTime.Equal(last.StartTime), "a task starts once")
	claim(last.CompletionTime == nil || status.CompletionTime.Equal(last.CompletionTime), "a task ends once")
	claim((status.CompletionTime != nil) == status.Phase.Final(), "completion is set on every end and on none else")
	for _, c := range status.Conditions {
		claim(fresh || c.ObservedGeneration == status.ObservedGeneration, "a condition speaks of its status's generation")
		claim(fresh || c.LastTransitionTime.Unix() != 0, "a condition has a time of its own")
		claim(c.Message != "", "a condition has a text")
	}
}

// told waits until the history is the given rows, and no more come.
func (h *history) told(want ...string) {
	GinkgoHelper()
	rows := func() []string {
		h.mu.Lock()
		defer h.mu.Unlock()
		return append([]string(nil), h.rows...)
	}
	Eventually(func() int { return len(rows()) }).WithTimeout(10 * time.Second).Should(BeNumerically(">=", len(want)))
	Consistently(rows).WithTimeout(time.Second).Should(Equal(want))
	h.mu.Lock()
	defer h.mu.Unlock()
	Expect(h.wrong).To(BeEmpty())
}

var _ = Describe("A watch over a task's life", func() {
	It("sees each transition of the matrix once, in order: in progress, throttling and back, a restart, a credentials outage and back, the verdict", func(ctx SpecContext) {
		w := newWorld(ctx, clbsim.Config{})
		h := w.watch("whole")
		first := w.run()
		task := w.follow("whole", clbsim.Task{Outcome: clbsim.Stuck})
		w.reach(task, rowRunning)

		relieve := w.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded", Message: "too fast"})
		w.reach(task, rowTroubleRunning(v1alpha1.ReasonThrottled))
		relieve()
		w.reach(task, rowRunning)

		first.stop()
		w.run()

		w.sim.RemoveCredential(secretID) // As one disables a key in CAM, and enables it again.
		w.reach(task, rowTroubleRunning(v1alpha1.ReasonCredentialsRejected))
		w.sim.SetCredential(clbsim.Credential{SecretID: secretID, SecretKey: secretKey})
		w.reach(task, rowRunning)

		w.sim.AddTask(clbsim.Task{ID: task.Spec.RequestID})
		w.reach(task, rowSucceeded)
		h.told(
			rowFresh,
			rowRunning,
			rowTroubleRunning(v1alpha1.ReasonThrottled),
			rowRunning,
			rowTroubleRunning(v1alpha1.ReasonCredentialsRejected),
			rowRunning,
			rowSucceeded,
		)
		// The event recorder may make a series of those that are alike.
		Eventually(func() []string { return slices.Compact(slices.Sorted(slices.Values(w.events(task)))) }).Should(ConsistOf(
			"Normal InProgress", "Warning Throttled", "Warning CredentialsRejected", "Normal TaskSucceeded"))
	})

	It("sees nothing of an API that throttles every other call for long", func(ctx SpecContext) {
		w := newWorld(ctx, clbsim.Config{})
		h := w.watch("whole")
		w.run()
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded", Message: "too fast", Share: 0.5})
		// Twice as long as a problem has to last to be told.
		w.reach(w.follow("whole", clbsim.Task{FromFirstAsk: true, Duration: 20 * time.Second}), rowSucceeded)
		h.told(rowFresh, rowRunning, rowSucceeded)
	})
})
