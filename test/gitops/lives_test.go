package gitops_test

import (
	"context"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// The property: no waiter reads a CLBTask as healthy unless the API answered 0 for
// it, and none reads it as failed unless the API answered 1 or refused the request
// repeatedly, or the deadline passed. The tests of internal/lifecycle simulate lives
// in which that really happens or does not, and keep every kind of status that they
// lead to. Here the waiters' own code judges those.
const livesFile = root + "/internal/lifecycle/testdata/lives.json"

// moment is an object in a life, and what may be said of it: by what really
// happened, and not by its status.
type moment struct {
	Object map[string]any
	Class  class
	State  string // Where a waiter's exceptions are looked up: "suspended", or none.
}

func (m moment) state() *state { return &state{name: m.State, class: m.Class} }

// moments reads the lives.
func moments() []moment {
	GinkgoHelper()
	text, err := os.ReadFile(livesFile)
	Expect(err).NotTo(HaveOccurred())
	var all []moment
	Expect(json.Unmarshal(text, &all)).To(Succeed()) // It keeps integers, which kstatus insists on.
	return all
}

var _ = Describe("Every status of many lives", Ordered, func() {
	var all []moment
	BeforeAll(func() {
		all = moments()
		Expect(len(all)).To(BeNumerically(">", 80), "the lives are rich")
		classes := map[class]int{}
		for _, m := range all {
			classes[m.Class]++
		}
		Expect(classes).To(And(HaveLen(3), HaveKey(open), HaveKey(good), HaveKey(ended)))
	})

	for _, w := range waiters() {
		if !w.pure {
			continue
		}
		It("is judged rightly by "+w.Name, func(ctx SpecContext) {
			for _, m := range all {
				task := &unstructured.Unstructured{Object: m.Object}
				reading, err := w.judge(ctx, task, 0)
				Expect(err).NotTo(HaveOccurred())
				Expect(reading).To(Equal(w.wanted(m.state())), row(task))
			}
		})
	}

	It("is judged rightly by Flux's expressions", func(ctx SpecContext) {
		judge := fluxExpressions()
		for _, m := range all {
			task := &unstructured.Unstructured{Object: m.Object}
			want := [3]string{open: "InProgress", good: "Current", ended: "Failed"}[m.Class]
			if m.State == "suspended" {
				want = "Failed"
			}
			Expect(judge(ctx, task)).To(Equal(want), row(task))
		}
	})
})

// fluxExpressions are the guide's, evaluated by Flux's own code.
func fluxExpressions() func(context.Context, *unstructured.Unstructured) (string, error) {
	GinkgoHelper()
	var expressions kustomize.HealthCheckExpressions
	for _, check := range guideHealthChecks() {
		expressions = check.HealthCheckExpressions
	}
	evaluator, err := cel.NewStatusEvaluator(&expressions)
	Expect(err).NotTo(HaveOccurred())
	return func(ctx context.Context, task *unstructured.Unstructured) (string, error) {
		result, err := evaluator.Evaluate(ctx, task)
		if err != nil {
			return "", err
		}
		return result.Status.String(), nil
	}
}
