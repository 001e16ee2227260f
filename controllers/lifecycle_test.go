package controllers_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

var _ = Describe("The life of a task", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	It("reads as pending, by an old generation, before any controller has looked", func() {
		fresh, err := w.get(w.apply("fresh", "r-1"))
		Expect(err).NotTo(HaveOccurred())
		Expect(row(fresh.Status)).To(Equal(rowFresh))
		Expect(fresh.Status.ObservedGeneration).To(BeEquivalentTo(-1))
	})

	It("shows a task in progress, and then its success with its load balancers", func() {
		w.run()
		task := w.follow("create-lb", clbsim.Task{FromFirstAsk: true, Duration: 1500 * time.Millisecond, LoadBalancerIDs: []string{"lb-1", "lb-2"}})
		running := w.reach(task, rowRunning)
		Expect(running.Status.StartTime).NotTo(BeNil())
		done := w.reach(task, rowSucceeded)
		Expect(done.Status.LoadBalancerIDs).To(Equal([]string{"lb-1", "lb-2"}))
		Expect(done.Status.StartTime).To(Equal(running.Status.StartTime))
		calls := w.sim.CallsFor(task.Spec.RequestID)
		Expect(done.Status.APIRequestID).To(Equal(calls[len(calls)-1].RequestID))
		Expect(done.Status.Conditions[0].Message).To(ContainSubstring(done.Status.APIRequestID))
		Expect(calls[0].Language).To(Equal("en-US"))
	})

	It("shows a failure with the cloud's own reason", func() {
		w.run()
		done := w.reach(w.follow("bind", clbsim.Task{Outcome: clbsim.Failed, Message: "Backend ins-1 is not in the VPC."}), rowFailed)
		Expect(done.Status.Message).To(Equal("Backend ins-1 is not in the VPC."))
		Expect(done.Status.Conditions[0].Message).To(HavePrefix("The task failed: Backend ins-1 is not in the VPC (API request ID "))
	})

	It("fits a verdict to the schema, whatever the cloud adds to it", func() {
		w.run()
		ids := make([]string, v1alpha1.MaxLoadBalancerIDs+9)
		for i := range ids {
			ids[i] = fmt.Sprint("lb-", i)
		}
		long := w.follow("long", clbsim.Task{Outcome: clbsim.Failed, Message: strings.Repeat("原因", v1alpha1.MaxMessageLength)})
		many := w.follow("many", clbsim.Task{LoadBalancerIDs: append([]string{strings.Repeat("x", 200)}, ids...)})
		Expect(w.reach(long, rowFailed).Status.Message).To(HaveSuffix("…"))
		Expect(w.reach(many, rowSucceeded).Status.LoadBalancerIDs).To(HaveLen(v1alpha1.MaxLoadBalancerIDs))
	})

	It("ends as unknown where the API does not know the request ID when the grace is over", func() {
		w.run(func(s *setup) { s.grace = 1500 * time.Millisecond })
		task := w.apply("typo", "r-typo")
		done := w.reach(task, rowUnknown(v1alpha1.ReasonTaskNotFound))
		Expect(done.Status.CompletionTime.Sub(task.CreationTimestamp.Time)).To(BeNumerically(">=", time.Second))
		Expect(done.Status.Conditions[0].Message).To(SatisfyAll(ContainSubstring("r-typo"), ContainSubstring("InvalidParameter")))
	})

	It("waits for a request ID that becomes visible within the grace", func() {
		w.run(func(s *setup) { s.grace = time.Minute })
		w.reach(w.follow("late", clbsim.Task{VisibleAfter: 1200 * time.Millisecond}), rowSucceeded)
	})

	It("shows rejected credentials as a problem of configuration, with a warning, and never as an end", func() {
		w.run(func(s *setup) { s.credentials = pair{"nobody", "nothing"} })
		task := w.follow("rejected", clbsim.Task{})
		shown := w.reach(task, rowTrouble(v1alpha1.ReasonCredentialsRejected))
		Expect(shown.Status.Conditions[0].Message).To(ContainSubstring("AuthFailure.SecretIdNotFound"))
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Warning CredentialsRejected"))
	})

	It("shows missing credentials, and asks once they are there", func() {
		missing := func(string) string { return "" }
		first := w.run(func(s *setup) { s.credentials = clb.EnvCredentials{Getenv: missing} })
		task := w.follow("missing", clbsim.Task{})
		shown := w.reach(task, rowTrouble(v1alpha1.ReasonCredentialsMissing))
		Expect(shown.Status.Conditions[0].Message).To(ContainSubstring(clb.EnvSecretID))
		Expect(w.sim.CountCalls()).To(BeZero())
		first.stop()
		w.run()
		w.reach(task, rowSucceeded)
	})

	It("keeps quiet about a hiccup, shows an error that lasts, and recovers", func() {
		w.run()
		task := w.follow("flaky", clbsim.Task{FromFirstAsk: true, Duration: 17 * time.Second})
		w.reach(task, rowRunning)
		heal := w.sim.AddFault(clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 502})
		begun := time.Now()
		w.reach(task, rowTroubleRunning(v1alpha1.ReasonAPIUnreachable))
		Expect(time.Since(begun)).To(BeNumerically(">", 9*time.Second))
		heal()
		w.reach(task, rowSucceeded)
	})

	DescribeTable("takes no answer for a verdict that is not one", func(fault clbsim.Fault) {
		fault.Count = 1
		w.sim.AddFault(fault)
		w.run()
		task := w.follow("odd", clbsim.Task{Outcome: clbsim.Failed})
		Eventually(func() int { return len(w.sim.CallsFor(task.Spec.RequestID)) }).WithTimeout(20 * time.Second).Should(Equal(1))
		Consistently(func() (string, error) {
			fresh, err := w.get(task)
			return row(fresh.Status), err
		}).WithTimeout(time.Second).Should(Equal(rowFresh))
		w.reach(task, rowFailed)
	},
		Entry("a null status", clbsim.Fault{Kind: clbsim.NullStatus}),
		Entry("an unknown status", clbsim.Fault{Kind: clbsim.UnknownStatus, Value: 7}),
		Entry("an empty object", clbsim.Fault{Kind: clbsim.EmptyObject}),
		Entry("a body of null", clbsim.Fault{Kind: clbsim.NullBody}),
		Entry("a body cut short", clbsim.Fault{Kind: clbsim.ShortBody, ClaimWhole: true}),
		Entry("a failed call", clbsim.Fault{Kind: clbsim.ErrorCode, Code: "FailedOperation", Message: "no"}),
		Entry("a call that hangs", clbsim.Fault{Kind: clbsim.Hang}),
	)

	It("tells each transition by one event", func() {
		w.run()
		task := w.follow("told", clbsim.Task{Duration: time.Second, FromFirstAsk: true})
		w.reach(task, rowSucceeded)
		Eventually(func() []string { return w.events(task) }).Should(ConsistOf("Normal InProgress", "Normal TaskSucceeded"))
	})
})

// events returns the events about a task as "type reason".
func (w *world) events(task *v1alpha1.CLBTask) []string {
	GinkgoHelper()
	list := new(eventsv1.EventList)
	Expect(k8s.List(w.ctx, list, client.InNamespace(w.namespace))).To(Succeed())
	var told []string
	for _, e := range list.Items {
		if e.Regarding.UID == task.UID {
			told = append(told, e.Type+" "+e.Reason)
		}
	}
	return told
}
