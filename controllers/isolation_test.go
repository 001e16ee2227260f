package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

var _ = Describe("Fifty buckets in trouble", func() {
	const slots, tasksEach = 2, 4

	// The calls that hang do so until the spec is over, so all that happens in it
	// happens beside them. There are more of them than reconcile workers.
	It("delay no task of another bucket, and no worker waits for them", func(ctx SpecContext) {
		home := newWorld(ctx, clbsim.Config{})
		troubles := []clbsim.Fault{
			{Kind: clbsim.Hang},
			{Kind: clbsim.HTTPResponse, StatusCode: 502},
			{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded", Message: "too fast"},
		}
		endpoints := []string{home.url}
		clouds, regions := make([]realenv.Cloud, 50), make([]string, 50)
		for i := range clouds {
			clouds[i] = realenv.StartCloud(clbsim.Config{})
			DeferCleanup(clouds[i].Close)
			clouds[i].AddFault(troubles[i%len(troubles)])
			regions[i] = fmt.Sprintf("xx-trouble%d", i)
			endpoints = append(endpoints, regions[i]+"="+clouds[i].URL)
		}
		home.run(func(s *setup) { s.slots, s.endpoints, s.timeout = slots, endpoints, 10*time.Minute })
		for i, region := range regions {
			for n := range tasksEach {
				home.apply(fmt.Sprintf("trouble-%d-%d", i, n), fmt.Sprintf("request-%d", n), func(spec *v1alpha1.CLBTaskSpec) { spec.Region = region })
			}
		}
		for i, cloud := range clouds {
			Eventually(cloud.CountCalls).WithTimeout(20*time.Second).Should(BeNumerically(">=", slots), regions[i])
		}

		for i := range 10 {
			home.follow(fmt.Sprint("home-", i), clbsim.Task{Duration: time.Second})
		}
		home.finished(10)
		for i, cloud := range clouds {
			if i%len(troubles) == 0 {
				Expect(cloud.CountCalls()).To(Equal(slots), "%s hangs on every slot of its bucket", regions[i])
			}
		}
		Expect(home.sim.Stats().Accounts[realenv.Simulated.ID].Throttled).To(BeZero())
	})
})
