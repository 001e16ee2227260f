package controllers_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// What only a real API server and the real SDK can show. The rest is tested in
// virtual time.

var _ = Describe("The life of a task", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	It("reads as pending, by an old generation, before any controller has seen it", func() {
		fresh, err := w.get(w.apply("fresh", "r-1"))
		Expect(err).NotTo(HaveOccurred())
		Expect(matrix.Row(fresh.Status)).To(Equal(matrix.Pending))
		Expect(fresh.Status.ObservedGeneration).To(BeEquivalentTo(-1))
	})

	It("shows a task in progress, and then its success with its load balancers", func() {
		w.run()
		task := w.follow("create-lb", clbsim.Task{FromFirstPoll: true, Duration: 5 * time.Second, LoadBalancerIDs: []string{"lb-1", "lb-2"}})
		running := w.reach(task, matrix.Running)
		Expect(running.Status.StartTime).NotTo(BeNil())
		done := w.reach(task, matrix.Succeeded)
		Expect(done.Status.LoadBalancerIDs).To(Equal([]string{"lb-1", "lb-2"}))
		Expect(done.Status.StartTime).To(Equal(running.Status.StartTime))
		calls := w.sim.CallsFor(task.Spec.RequestID)
		Expect(done.Status.APIRequestID).To(Equal(calls[len(calls)-1].RequestID))
		Expect(done.Status.Conditions[0].Message).To(ContainSubstring(done.Status.APIRequestID))
		Expect(calls[0].Language).To(Equal("en-US"))
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Normal InProgress", "Normal TaskSucceeded"))
	})

	It("decides a prepaid order, and a request of a gateway load balancer", func() {
		w.run()
		w.sim.AddTask(clbsim.Task{DealName: "d-1", LoadBalancerIDs: []string{"lb-1"}})
		w.sim.AddTask(clbsim.Task{ID: "g-1", Product: clbsim.GWLB, Result: clbsim.Failed, Message: "No room."})
		order := w.apply("order", "", func(spec *v1alpha1.CLBTaskSpec) { spec.DealName, spec.Action = "d-1", "CreateLoadBalancer" })
		gateway := w.apply("gateway", "g-1", func(spec *v1alpha1.CLBTaskSpec) { spec.Product = v1alpha1.ProductGWLB })
		Expect(w.reach(order, matrix.Succeeded).Status.LoadBalancerIDs).To(Equal([]string{"lb-1"}))
		Expect(w.reach(gateway, matrix.Failed).Status.Message).To(Equal("No room."))
	})

	It("shows a failure with the cloud's own reason", func() {
		w.run()
		done := w.reach(w.follow("bind", clbsim.Task{Result: clbsim.Failed, Message: "Backend ins-1 is not in the VPC."}), matrix.Failed)
		Expect(done.Status.Message).To(Equal("Backend ins-1 is not in the VPC."))
		Expect(done.Status.Conditions[0].Message).To(HavePrefix("The task failed: Backend ins-1 is not in the VPC (API request ID "))
	})

	It("fits a verdict and its event to what the API server takes, even if the cloud adds much to it", func() {
		w.run()
		ids := make([]string, v1alpha1.MaxLoadBalancerIDs+9)
		for i := range ids {
			ids[i] = fmt.Sprint("lb-", i)
		}
		many := w.follow("many", clbsim.Task{LoadBalancerIDs: append([]string{strings.Repeat("x", 200)}, ids...)})
		Expect(w.reach(many, matrix.Succeeded).Status.LoadBalancerIDs).To(HaveLen(v1alpha1.MaxLoadBalancerIDs))
		for name, message := range map[string]string{
			"long": strings.Repeat("x", 1025), "chinese": strings.Repeat("原因", 200), "both": strings.Repeat("原因", v1alpha1.MaxMessageLength/2),
			"longer": strings.Repeat("原因", v1alpha1.MaxMessageLength), "mixed": strings.Repeat("xx原", 400),
		} {
			task := w.follow(name, clbsim.Task{Result: clbsim.Failed, Message: message})
			done := w.reach(task, matrix.Failed)
			Expect(done.Status.Message).To(HavePrefix(message[:300]))
			Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Warning TaskFailed"), name)
		}
	})

	It("polls with the key of a Secret that comes late", func() {
		w.run()
		id := w.sim.AddTask(clbsim.Task{}).ID
		task := w.apply("theirs", id, func(spec *v1alpha1.CLBTaskSpec) {
			spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "theirs"}
		})
		missing := w.reach(task, matrix.PendingWith(v1alpha1.ReasonCredentialsMissing))
		Expect(missing.Status.Conditions[0].Message).To(Equal("There are no credentials to poll with: read the Secret " + w.namespace +
			"/theirs: no Tencent Cloud credentials: create it in namespace " + w.namespace + " with the keys secretId and secretKey."))
		// Made from files, as Secrets often are.
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "theirs"}, StringData: map[string]string{
			"secretId": realenv.Simulated.ID + "\n", "secretKey": realenv.Simulated.Key + "\n",
		}}
		Expect(k8s.Create(w.ctx, secret)).To(Succeed())
		began := time.Now()
		w.reach(task, matrix.Succeeded)
		Expect(time.Since(began)).To(BeNumerically("<", 30*time.Second))
	})

	It("shows rejected credentials as a problem, with a warning, and never as an end", func() {
		w.run(func(s *setup) { s.credentials = realenv.KeyPair{ID: "nobody", Key: "nothing"} })
		task := w.follow("rejected", clbsim.Task{})
		shown := w.reach(task, matrix.PendingWith(v1alpha1.ReasonCredentialsRejected))
		Expect(shown.Status.Conditions[0].Message).To(ContainSubstring("AuthFailure.SecretIdNotFound"))
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Warning CredentialsRejected"))
	})

	It("ends at its deadline, and stays so", func() {
		w.run()
		task := w.follow("slow", clbsim.Task{Result: clbsim.Stuck}, limit(2))
		done := w.reach(task, matrix.Expired)
		Expect(done.Status.CompletionTime.Sub(done.Status.StartTime.Time)).To(And(BeNumerically(">=", 2*time.Second), BeNumerically("<", 15*time.Second)))
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Normal InProgress", "Warning DeadlineExceeded"))
	})

	It("is suspended and resumed", func() {
		w.run()
		task := w.follow("paused", clbsim.Task{Result: clbsim.Stuck})
		w.reach(task, matrix.Running)
		w.edit(task, `{"suspend":true}`)
		w.reach(task, matrix.Suspended)
		w.sim.AddTask(clbsim.Task{ID: task.Spec.RequestID})
		w.edit(task, `{"suspend":false}`)
		w.reach(task, matrix.Succeeded)
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf(
			"Normal InProgress", "Normal Suspended", "Normal Pending", "Normal TaskSucceeded"))
	})

	It("is deleted after its TTL, be that zero", func() {
		w.run()
		for name, seconds := range map[string]int64{"at-once": 0, "soon": 2} {
			task := w.follow(name, clbsim.Task{FromFirstPoll: true, Duration: 5 * time.Second}, ttl(seconds))
			w.reach(task, matrix.Running)
			Eventually(func() error {
				_, err := w.get(task)
				return err
			}).WithTimeout(30*time.Second).Should(MatchError(apierrors.IsNotFound, "not found"), name)
		}
	})

	It("is taken up again if its annotation asks, with one write", func() {
		task := w.follow("again", clbsim.Task{Result: clbsim.Stuck})
		task.Annotations = map[string]string{v1alpha1.AnnotationReconcileRequestedAt: "one"}
		Expect(k8s.Update(w.ctx, task)).To(Succeed())
		gone := metav1.Condition{
			Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTaskNotFound, Message: "gone", LastTransitionTime: metav1.Now(),
		}
		task.Status = v1alpha1.CLBTaskStatus{
			Phase: v1alpha1.PhaseUnknown, Conditions: append(task.Status.Conditions, gone), Message: "gone",
			ObservedGeneration: task.Generation, CompletionTime: new(metav1.Now()), APIRequestID: "call-1",
		}
		Expect(k8s.Status().Update(w.ctx, task)).To(Succeed())
		w.run()
		running := w.reach(task, matrix.Running)
		Expect(running.Status.LastHandledReconcileAt).To(Equal("one"))
		Expect(running.Status.Message).To(BeEmpty())
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Normal Pending", "Normal InProgress"))
	})

	It("goes on while others write the object, too", func() {
		w.run()
		task := w.follow("busy", clbsim.Task{Duration: time.Second})
		for i := 0; ; i++ {
			fresh, err := w.get(task)
			Expect(err).NotTo(HaveOccurred())
			if fresh.Status.Phase.Final() {
				break
			}
			patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/n":"%d"}}}`, i))
			Expect(k8s.Patch(w.ctx, fresh, patch)).To(Succeed())
		}
		w.reach(task, matrix.Succeeded)
	})

	It("outlives a failing API server: the verdict is written without another poll", func() {
		w.run(func(s *setup) { s.transport = refuseStatusWrites(5) })
		task := w.follow("kept", clbsim.Task{Result: clbsim.Failed, Message: "no such listener"})
		w.reach(task, matrix.Failed)
		Expect(w.sim.CallsFor(task.Spec.RequestID)).To(HaveLen(1))
	})
})

var _ = Describe("A hundred tasks at the API's full quota", func() {
	It("cost no throttled call and two writes each at most, even across a restart", func(ctx SpecContext) {
		const tasks = 100
		w := newWorld(ctx, clbsim.Config{RoundTrip: 20 * time.Millisecond})
		full := func(s *setup) { s.slots = 20 }
		writes := w.countWrites()
		first := w.run(full)
		for i := range tasks {
			w.follow(fmt.Sprint("task-", i), clbsim.Task{Duration: time.Duration(i%40) * 100 * time.Millisecond})
		}
		Eventually(w.sim.CountCalls).WithTimeout(30 * time.Second).Should(BeNumerically(">", 30))
		first()
		second := w.run(full)
		w.finished(tasks)
		second()

		stats := w.sim.Stats().Accounts[realenv.Simulated.ID]
		Expect(stats.Throttled).To(BeZero())
		Expect(stats.Peak).To(BeNumerically("<=", 20))
		Expect(writes()).To(BeNumerically("<=", 2))

		calls := w.sim.CountCalls()
		w.run(full)
		// A task created now is polled after all that a restart may poll.
		w.reach(w.follow("after", clbsim.Task{}), matrix.Succeeded)
		Expect(w.sim.CountCalls()).To(Equal(calls + 1))
	})
})

func limit(seconds int64) func(*v1alpha1.CLBTaskSpec) {
	return func(spec *v1alpha1.CLBTaskSpec) { spec.ActiveDeadlineSeconds = seconds }
}

func ttl(seconds int64) func(*v1alpha1.CLBTaskSpec) {
	return func(spec *v1alpha1.CLBTaskSpec) { spec.TTLSecondsAfterFinished = &seconds }
}

// edit changes the spec of a task.
func (w *world) edit(task *v1alpha1.CLBTask, spec string) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":%s}`, spec))
	Expect(k8s.Patch(w.ctx, task.DeepCopy(), patch)).To(Succeed())
}

// events returns the events about a task as "type reason".
func (w *world) events(task *v1alpha1.CLBTask) []string {
	GinkgoHelper()
	list := new(eventsv1.EventList)
	Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace))).To(Succeed())
	var found []string
	for _, e := range list.Items {
		if e.Regarding.UID == task.UID {
			found = append(found, e.Type+" "+e.Reason)
		}
	}
	return found
}

// countWrites counts the status writes of each task as a watch sees them. The returned
// function tells the most of any.
func (w *world) countWrites() (most func() int) {
	GinkgoHelper()
	watcher, err := k8s.Watch(w.ctx, new(v1alpha1.CLBTaskList), client.InNamespace(w.namespace))
	Expect(err).NotTo(HaveOccurred())
	counted := make(chan int, 1)
	go func() {
		defer GinkgoRecover()
		writes, most := map[string]int{}, 0
		for event := range watcher.ResultChan() {
			if task, ok := event.Object.(*v1alpha1.CLBTask); ok && event.Type == watch.Modified {
				writes[task.Name]++
				most = max(most, writes[task.Name])
			}
		}
		counted <- most
	}()
	return func() int {
		watcher.Stop()
		return <-counted
	}
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
