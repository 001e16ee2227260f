package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

var _ = Describe("several CLBTasks of one request", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, clbsim.Config{}) })

	It("share every answer, and cost the calls of one", func() {
		request := w.sim.AddTask(clbsim.Task{FromFirstAsk: true, Duration: 3 * time.Second})
		for i := range 10 {
			w.apply(fmt.Sprint("same-", i), request.ID)
		}
		w.run()
		w.finished(10)
		// Once from 0.1 s to 1 s, then once for each tenth of the age: some twenty.
		Expect(len(w.sim.CallsFor(request.ID))).To(BeNumerically("<=", 30))
	})

	It("do not share the answer of another region", func() {
		request := w.sim.AddTask(clbsim.Task{Region: region, Duration: time.Second})
		w.run()
		right := w.apply("right", request.ID)
		wrong := &v1alpha1.CLBTask{Spec: v1alpha1.CLBTaskSpec{RequestID: request.ID, Region: "ap-beijing"}}
		wrong.Namespace, wrong.Name = w.namespace, "wrong"
		Expect(k8s.Create(w.ctx, wrong)).To(Succeed())
		w.reach(right, rowSucceeded)
		w.reach(wrong, rowUnknown(v1alpha1.ReasonTaskNotFound))
	})

	It("go on when one of them is deleted, and one that comes late gets the next answer", func() {
		request := w.sim.AddTask(clbsim.Task{Outcome: clbsim.Stuck})
		first, second := w.apply("first", request.ID), w.apply("second", request.ID)
		w.run()
		w.reach(first, rowRunning)
		w.reach(second, rowRunning)
		Expect(k8s.Delete(w.ctx, first)).To(Succeed())
		third := w.apply("third", request.ID)
		w.reach(third, rowRunning)
		w.sim.RemoveTask(request.ID)
		w.sim.AddTask(clbsim.Task{ID: request.ID})
		w.reach(second, rowSucceeded)
		w.reach(third, rowSucceeded)
	})
})
