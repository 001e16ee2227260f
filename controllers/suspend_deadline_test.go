package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func limit(seconds int64) func(*v1alpha1.CLBTaskSpec) {
	return func(spec *v1alpha1.CLBTaskSpec) { spec.ActiveDeadlineSeconds = seconds }
}

func suspend(spec *v1alpha1.CLBTaskSpec) { spec.Suspend = true }

// edit changes the spec of a task.
func (w *world) edit(task *v1alpha1.CLBTask, spec string) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":%s}`, spec))
	Expect(k8s.Patch(w.ctx, task.DeepCopy(), patch)).To(Succeed())
}

// asked returns how often a task was asked about.
func (w *world) asked(task *v1alpha1.CLBTask) int { return len(w.sim.CallsFor(task.Spec.RequestID)) }

// leftAlone checks that a task is asked about no more, but for a question that
// was on its way, and goes on to show a row.
func (w *world) leftAlone(task *v1alpha1.CLBTask, want string) {
	GinkgoHelper()
	most := w.asked(task) + 1
	Consistently(func(g Gomega) {
		fresh, err := w.get(task)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(row(fresh.Status)).To(Equal(want))
		g.Expect(w.asked(task)).To(BeNumerically("<=", most))
	}).WithTimeout(2 * time.Second).WithPolling(50 * time.Millisecond).Should(Succeed())
}

// expires waits until a task failed at its deadline, and checks that this was in
// time.
func (w *world) expires(task *v1alpha1.CLBTask) {
	GinkgoHelper()
	done := w.reach(task, rowExpired)
	deadline := done.CreationTimestamp.Add(time.Duration(done.Spec.ActiveDeadlineSeconds) * time.Second)
	Expect(time.Now()).To(BeTemporally("~", deadline, 2*time.Second))
	Expect(done.Status.CompletionTime.Time).To(BeTemporally(">=", deadline))
	for _, c := range done.Status.Conditions {
		Expect(c.Message).To(Equal(fmt.Sprintf("The deadline of %d s passed before the cloud answered with an outcome.", done.Spec.ActiveDeadlineSeconds)))
	}
}

// counted returns the number of verdicts in the operator's metrics.
func counted() float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	var sum float64
	for _, family := range families {
		if family.GetName() == "clbtask_verdicts_total" {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

var _ = Describe("A suspended task", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	It("is asked about no more, and goes on to its verdict when it is resumed", func() {
		h := w.watch("paused")
		w.run()
		task := w.follow("paused", clbsim.Task{Outcome: clbsim.Stuck})
		started := w.reach(task, rowRunning).Status.StartTime
		w.edit(task, `{"suspend":true}`)
		w.reach(task, rowSuspended)
		w.leftAlone(task, rowSuspended)
		w.sim.AddTask(clbsim.Task{ID: task.Spec.RequestID})
		w.edit(task, `{"suspend":false}`)
		Expect(w.reach(task, rowSucceeded).Status.StartTime).To(Equal(started))
		h.told(rowFresh, rowRunning, rowSuspended, rowResumed, rowSucceeded)
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf(
			"Normal InProgress", "Normal Suspended", "Normal Pending", "Normal TaskSucceeded"))
	})

	It("is never asked about where it was created so, not even after a restart", func() {
		first := w.run()
		task := w.follow("asleep", clbsim.Task{}, suspend)
		w.reach(task, rowSuspended)
		first.stop()
		w.run()
		w.reach(w.follow("awake", clbsim.Task{}), rowSucceeded)
		Expect(w.asked(task)).To(BeZero())
	})

	It("shows no trouble, and is asked about at once when it is resumed, without its backoff", func() {
		w.sim.RemoveCredential(secretID)
		w.run()
		task := w.follow("troubled", clbsim.Task{})
		w.reach(task, rowTrouble(v1alpha1.ReasonCredentialsRejected))
		w.edit(task, `{"suspend":true}`)
		w.reach(task, rowSuspended)
		w.sim.SetCredential(clbsim.Credential{SecretID: secretID, SecretKey: secretKey})
		w.edit(task, `{"suspend":null}`)
		begun := time.Now()
		w.reach(task, rowSucceeded)
		Expect(time.Since(begun)).To(BeNumerically("<", 10*time.Second))
	})

	It("loses the turn that it waits for", func() {
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 502})
		w.run()
		task := w.follow("waiting", clbsim.Task{})
		Eventually(w.sim.CountCalls).WithTimeout(10 * time.Second).WithPolling(5 * time.Millisecond).Should(Equal(1))
		w.edit(task, `{"suspend":true}`)
		w.reach(task, rowSuspended)
		asked := w.sim.CountCalls()
		// The backoff after the first failure is two seconds and a little.
		Consistently(w.sim.CountCalls).WithTimeout(3 * time.Second).Should(Equal(asked))
	})

	It("does not fail at its deadline, but when it is resumed after that", func() {
		w.run()
		task := w.follow("late", clbsim.Task{}, suspend, limit(1))
		w.reach(task, rowSuspended)
		w.leftAlone(task, rowSuspended)
		w.edit(task, `{"suspend":false}`)
		w.reach(task, rowExpired)
		Expect(w.asked(task)).To(BeZero())
	})
})

var _ = Describe("A task with a deadline", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	It("fails in time where the API hangs, and stays so", func() {
		h := w.watch("hung")
		w.run()
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.Hang})
		task := w.follow("hung", clbsim.Task{}, limit(3))
		w.expires(task)
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Warning DeadlineExceeded"))
		w.sim.ClearFaults()
		w.leftAlone(task, rowExpired)
		h.told(rowFresh, rowExpired)
	})

	It("fails in time where an answer is on its way, and ignores that", func() {
		w.run()
		w.reach(w.follow("before", clbsim.Task{}), rowSucceeded)
		w.sim.AddFault(clbsim.Fault{Kind: clbsim.Latency, Delay: 1900 * time.Millisecond})
		// Deadlines count from whole seconds: of a task that is created early in
		// one, the question is on its way for most of that second and the next.
		Eventually(func() int { return time.Now().Nanosecond() }).WithTimeout(5 * time.Second).WithPolling(5 * time.Millisecond).Should(BeNumerically("<", 100_000_000))
		task := w.follow("slow", clbsim.Task{}, limit(1))
		w.expires(task)
		Expect(w.asked(task)).To(Equal(1))
		w.leftAlone(task, rowExpired)
		Expect(w.asked(task)).To(Equal(1))
	})

	It("fails in time where credentials are missing, across a restart", func() {
		missing := func(s *setup) { s.credentials = clb.EnvCredentials{Getenv: func(string) string { return "" }} }
		h := w.watch("unasked")
		first := w.run(missing)
		task := w.follow("unasked", clbsim.Task{}, limit(6))
		w.reach(task, rowTrouble(v1alpha1.ReasonCredentialsMissing))
		first.stop()
		w.run(missing)
		w.expires(task)
		h.told(rowFresh, rowTrouble(v1alpha1.ReasonCredentialsMissing), rowExpired)
	})

	It("fails where the deadline passed while no operator ran, without another question", func() {
		first := w.run()
		task := w.follow("missed", clbsim.Task{Outcome: clbsim.Stuck}, limit(3600))
		w.reach(task, rowRunning)
		first.stop()
		asked := w.asked(task)
		w.edit(task, `{"activeDeadlineSeconds":1}`)
		w.run()
		w.reach(task, rowExpired)
		Expect(w.asked(task)).To(Equal(asked))
	})

	It("goes on where the deadline is extended in time", func() {
		w.run()
		task := w.follow("extended", clbsim.Task{FromFirstAsk: true, Duration: 4 * time.Second}, limit(3))
		w.edit(task, `{"activeDeadlineSeconds":60}`)
		done := w.reach(task, rowSucceeded)
		Expect(done.Status.CompletionTime.Sub(done.CreationTimestamp.Time)).To(BeNumerically(">", 3*time.Second))
	})

	It("keeps the verdict that came before the deadline", func() {
		w.run()
		task := w.follow("quick", clbsim.Task{}, limit(3))
		w.reach(task, rowSucceeded)
		Consistently(func() (string, error) {
			fresh, err := w.get(task)
			return row(fresh.Status), err
		}).WithTimeout(4 * time.Second).Should(Equal(rowSucceeded))
	})

	It("gets the verdict that was there before the deadline, though it could be written only after", func() {
		// Ten retries take five seconds.
		w.run(func(s *setup) { s.transport = refuseStatusWrites(10) })
		task := w.follow("kept", clbsim.Task{}, limit(4))
		done := w.reach(task, rowSucceeded)
		Expect(time.Since(done.CreationTimestamp.Time)).To(BeNumerically(">", 4*time.Second))
		Expect(w.asked(task)).To(Equal(1))
	})
})

var _ = Describe("A finished task whose spec changes", func() {
	It("speaks of the new generation, and of nothing else that is new", func(ctx SpecContext) {
		w := newWorld(ctx, clbsim.Config{})
		w.run()
		task := w.follow("done", clbsim.Task{LoadBalancerIDs: []string{"lb-1"}})
		before := w.reach(task, rowSucceeded)
		events := []string{"Normal TaskSucceeded"}
		Eventually(func() []string { return w.events(task) }).Should(Equal(events))
		verdicts := counted()

		w.edit(task, `{"suspend":true,"activeDeadlineSeconds":1}`)
		Eventually(func() (int64, error) {
			fresh, err := w.get(task)
			return fresh.Status.ObservedGeneration, err
		}).WithTimeout(10 * time.Second).Should(BeEquivalentTo(2))
		after := w.reach(task, rowSucceeded)
		want := before.Status.DeepCopy()
		want.ObservedGeneration = 2
		for i := range want.Conditions {
			want.Conditions[i].ObservedGeneration = 2
		}
		Expect(after.Status).To(Equal(*want))
		w.leftAlone(task, rowSucceeded)
		Expect(w.events(task)).To(Equal(events))
		Expect(counted()).To(Equal(verdicts))
		Expect(w.asked(task)).To(Equal(1))
	})
})
