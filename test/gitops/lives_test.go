package gitops_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// The property: whatever the API says, no waiter reads a CLBTask as healthy unless
// the API answered 0 for it, and none reads it as failed unless the API answered 1
// or refused for good, or the deadline passed. The unit tests of the controllers
// state it of the decisions; here the waiters' own code judges every status that
// they lead to.

// moment is an object in a life, and what may be said of it: by what really
// happened, and not by its status.
type moment struct {
	Object map[string]any
	Class  class
	// State is where a waiter's exceptions are looked up: "suspended", or none.
	State string
}

func (m moment) state() *state { return &state{name: m.State, class: m.Class} }

// life is a CLBTask as its user, the time and the cloud go on.
type life struct {
	task    *v1alpha1.CLBTask
	created time.Time
	now     time.Time
	streak  controllers.Streak
	class   class
}

func newLife() *life {
	created := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	pending := func(kind string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending}
	}
	return &life{created: created, now: created, task: &v1alpha1.CLBTask{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "CLBTask"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "life", Name: taskName, Generation: 1, CreationTimestamp: metav1.NewTime(created),
		},
		Spec: v1alpha1.CLBTaskSpec{RequestID: requestID, Region: region},
		Status: v1alpha1.CLBTaskStatus{
			ObservedGeneration: -1, Phase: v1alpha1.PhasePending,
			Conditions: []metav1.Condition{pending(v1alpha1.ConditionReady), pending(v1alpha1.ConditionSucceeded)},
		},
	}}
}

// failures are some of each kind that internal/clb may return.
var failures = []clb.Error{
	{Class: clb.Throttle, Problem: clb.ProblemThrottled, Code: "RequestLimitExceeded"},
	{Class: clb.Soon, Problem: clb.ProblemAPIUnavailable, Code: "InternalError"},
	{Class: clb.Soon, Problem: clb.ProblemAPIUnreachable, Code: "ClientError.NetworkError"},
	{Class: clb.Soon, Problem: clb.ProblemUnexpectedAnswer, Code: "ClientError.UnexpectedAnswer"},
	{Class: clb.Configuration, Problem: clb.ProblemCredentialsRejected, Code: "AuthFailure.SignatureFailure"},
	{Class: clb.Configuration, Problem: clb.ProblemClockSkew, Patience: clb.OnceMore, Code: "AuthFailure.SignatureExpire"},
	{Class: clb.Configuration, Problem: clb.ProblemAccessDenied, Code: "UnauthorizedOperation"},
	{Class: clb.Permanent, Problem: clb.ProblemTaskNotFound, Patience: clb.NotFoundGrace, Code: "InvalidParameter"},
	{Class: clb.Permanent, Problem: clb.ProblemInvalidRegion, Code: "UnsupportedRegion"},
	{Class: clb.Permanent, Problem: clb.ProblemInvalidRequest, Code: "InvalidParameterValue.X"},
}

const notFoundGrace = 2 * time.Minute

// step lets something happen. It reports whether the operator has looked since.
func (l *life) step(rng *rand.Rand) bool {
	l.now = l.now.Add(time.Duration(rng.ExpFloat64() * 20 * float64(time.Second)))
	looks := rng.IntN(8) > 0
	switch rng.IntN(12) {
	case 0:
		l.task.Spec.Suspend = !l.task.Spec.Suspend
		l.task.Generation++
	case 1:
		l.task.Spec.ActiveDeadlineSeconds = int64(rng.IntN(2) * rng.IntN(600))
		l.task.Generation++
	case 2:
		l.streak = controllers.Streak{} // A restart.
	default:
		seen := controllers.Observation{Answer: clb.Answer{State: clb.InProgress, RequestID: "api"}}
		switch n := rng.IntN(50); {
		case n == 0:
			seen.Answer.State = clb.Succeeded
		case n == 1:
			seen.Answer.State = clb.Failed
		case n < 20:
			seen.Err = &failures[rng.IntN(len(failures))]
		}
		l.expect(&seen)
		l.take(controllers.Policy{NotFoundGrace: notFoundGrace}.Decide(l.task, seen, l.streak, l.now))
		return true
	}
	if looks {
		l.expect(nil)
		l.take(controllers.Standing(l.task, l.streak, l.now))
	}
	return looks
}

func (l *life) take(d controllers.Decision) { l.task.Status, l.streak = d.Status, d.Streak }

// expect says what the task is to become by what is seen now: the first end holds.
func (l *life) expect(seen *controllers.Observation) {
	deadline := l.created.Add(time.Duration(l.task.Spec.ActiveDeadlineSeconds) * time.Second)
	switch {
	case l.class != open:
	case seen != nil && seen.Err == nil && seen.Answer.State == clb.Succeeded:
		l.class = good
	case seen != nil && seen.Err == nil && seen.Answer.State == clb.Failed:
		l.class = ended
	case l.task.Spec.Suspend:
	case l.task.Spec.ActiveDeadlineSeconds > 0 && !l.now.Before(deadline):
		l.class = ended
	case seen != nil && seen.Err != nil && seen.Err.Class == clb.Permanent &&
		(seen.Err.Patience != clb.NotFoundGrace || l.now.Sub(l.created) >= notFoundGrace):
		l.class = ended
	}
}

// moments are those of many lives, each kind of status once.
func moments() []moment {
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]moment{}
	for range 400 {
		l := newLife()
		for range 40 {
			looked := l.step(rng)
			if !looked && l.class != open {
				continue // An end stands whatever the spec; kstatus waits for the generation.
			}
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(l.task)
			Expect(err).NotTo(HaveOccurred())
			m := moment{Object: object, Class: l.class}
			if l.task.Status.Phase == v1alpha1.PhaseSuspended && l.task.Status.ObservedGeneration == l.task.Generation {
				m.State = "suspended"
			}
			kind := fmt.Sprint(row(&unstructured.Unstructured{Object: object}), l.class, looked, l.task.Status.ObservedGeneration == l.task.Generation)
			if _, known := kinds[kind]; !known {
				kinds[kind] = m
			}
		}
	}
	var all []moment
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		all = append(all, kinds[kind])
	}
	return all
}

// momentsFile writes them for Argo CD's module.
func momentsFile() string {
	GinkgoHelper()
	text, err := json.Marshal(moments())
	Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(GinkgoT().TempDir(), "moments.json")
	Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
	return file
}

var _ = Describe("Every status of many lives", Ordered, func() {
	var all []moment
	BeforeAll(func() {
		all = moments()
		Expect(len(all)).To(BeNumerically(">", 40), "the lives are rich")
	})

	for _, w := range waiters() {
		if !w.pure {
			continue
		}
		It("is judged rightly by "+w.Name, func(ctx SpecContext) {
			for _, m := range all {
				task := &unstructured.Unstructured{Object: m.Object}
				verdict, err := w.judge(ctx, task, 0)
				Expect(err).NotTo(HaveOccurred())
				Expect(verdict).To(Equal(w.wanted(m.state())), row(task))
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
