package gitops_test

import (
	"context"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// What a waiter that waits can say of an object. Waiters that only rate an object
// say so in their own words.
const (
	done  = "done"
	waits = "waits" // Still waiting when the time given to it is over.
	fails = "fails" // Gives up at once, without using up its time.
)

// The parts of the table.
const (
	groupWaiters = "waiters"
	groupKubectl = "kubectl"
	groupBlind   = "blind"
)

// waiter is a row of the table.
type waiter struct {
	// Group is the part of the table that the row belongs to, Name what the table
	// calls it, Rule what it looks at, and Code whether its own code judged, or what
	// is restated.
	Group, Name, Rule, Code string
	// judge returns what the waiter says of a live object within the time-out.
	judge judge
	// pure says that judge looks at nothing but the object that it is given.
	pure bool
	// want is the reading of each class of states, except for those in except.
	want   [3]string
	except map[string]string
}

type judge func(ctx context.Context, task *unstructured.Unstructured, timeout time.Duration) (string, error)

// A waiter that is expected to wait gets little time for it. One that is expected to
// end at once gets enough for a slow machine, and does not use it.
const (
	little = 2 * time.Second
	ample  = 30 * time.Second
)

// wanted returns what the waiter has to say of a state.
func (w waiter) wanted(s *state) string {
	if reading, ok := w.except[s.name]; ok {
		return reading
	}
	return w.want[s.class]
}

// forSuccess is what a good waiter for success says: it never ends while nothing
// is decided, and never calls done what did not succeed.
var (
	forSuccess   = [3]string{open: waits, good: done, ended: fails}
	forEither    = [3]string{open: waits, good: done, ended: done}
	withoutFails = [3]string{open: waits, good: done, ended: waits}
	blind        = [3]string{open: done, good: done, ended: done}
)

// waiters are the rows of the table, in its order.
func waiters() []waiter {
	var all []waiter
	all = append(all, kstatusWaiters()...)
	all = append(all, helmWaiters()...)
	all = append(all, kubectlWaiters()...)
	all = append(all, workflowWaiters()...)
	all = append(all, crossplaneWaiters()...)
	all = append(all, terraformWaiters()...)
	all = append(all, pulumiWaiters()...)
	all = append(all, kappWaiters()...)
	all = append(all, rancherWaiters()...)
	for i := range all {
		if all[i].Group == "" {
			all[i].Group = groupWaiters
			if all[i].want == blind {
				all[i].Group = groupBlind
			}
		}
	}
	return all
}

var _ = Describe("Every state, judged by", Ordered, ContinueOnFailure, func() {
	var readings table
	for _, w := range waiters() {
		It(w.Name, func(ctx SpecContext) {
			got := w.judgeAll(ctx)
			want := map[string]string{}
			for _, s := range states {
				want[s.name] = w.wanted(s)
			}
			Expect(got).To(Equal(want))
			readings.Rows = append(readings.Rows, tableRow{Group: w.Group, Waiter: w.Name, Rule: w.Rule, Code: w.Code, Readings: got})
		})
	}

	It("nobody, they stay what they are", func(ctx SpecContext) {
		for _, s := range states {
			now := clbTask(s.held.GetNamespace(), s.held.GetName())
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(s.held), now)).To(Succeed())
			Expect(now.GetResourceVersion()).To(Equal(s.held.GetResourceVersion()), "%s was written once more", s.name)
		}
	})

	It("all of them, as testdata/readings.json has it", func() {
		for _, s := range states {
			readings.States = append(readings.States, s.name)
		}
		readings.compare()
	})
})

// judgeAll reads all states at once.
func (w waiter) judgeAll(ctx context.Context) map[string]string {
	GinkgoHelper()
	var group sync.WaitGroup
	readings, errs := make([]string, len(states)), make([]error, len(states))
	for i, s := range states {
		timeout := ample
		if w.wanted(s) == waits {
			timeout = little
		}
		group.Go(func() { readings[i], errs[i] = w.judge(ctx, s.held.DeepCopy(), timeout) })
	}
	group.Wait()
	got := map[string]string{}
	for i, s := range states {
		Expect(errs[i]).NotTo(HaveOccurred(), s.name)
		got[s.name] = readings[i]
	}
	return got
}
