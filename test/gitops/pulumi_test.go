package gitops_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

func pulumiWaiters() []waiter {
	const code = "restated: pulumi-kubernetes, `provider/pkg/"
	row := func(name, rule, function string, p pulumi, want [3]string) waiter {
		return waiter{
			Name: name, Rule: rule, Code: code + function, pure: true, want: want,
			judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				return p.judge(task)
			},
		}
	}
	return []waiter{
		row("Pulumi `waitFor`", "the annotation `pulumi.com/waitFor: condition=Ready` of the object", "await/condition/custom.go`, Custom",
			pulumi{waitFor: "condition=Ready"}, withoutFails),
		row("Pulumi `PULUMI_K8S_AWAIT_ALL`", "with this variable `true`: kstatus, until the object is Current", "await/condition/ready.go`, Ready, with the library that it uses",
			pulumi{awaitAll: true}, withoutFails),
		row("Pulumi without either", "a kind that Pulumi does not know is done once it is there", "metadata/overrides.go`, ReadyCondition",
			pulumi{}, blind),
	}
}

// pulumi restates ReadyCondition, which chooses how an object is waited for: by its
// annotation, by kstatus, or not at all.
type pulumi struct {
	waitFor  string // The annotation's value, such as condition=TYPE or condition=TYPE=STATUS.
	awaitAll bool
}

func (p pulumi) judge(task *unstructured.Unstructured) (string, error) {
	if p.waitFor == "" && !p.awaitAll {
		return done, nil
	}
	ok, err := p.satisfied(task)
	if ok {
		return done, err
	}
	return waits, err // Pulumi knows no failure here.
}

func (p pulumi) satisfied(task *unstructured.Unstructured) (bool, error) {
	if p.waitFor == "" {
		result, err := status.Compute(task)
		return err == nil && result.Status == status.CurrentStatus, err
	}
	expression, ok := strings.CutPrefix(p.waitFor, "condition=")
	if !ok {
		return false, errors.New("waitFor: only condition= is restated")
	}
	kind, want, ok := strings.Cut(expression, "=")
	if !ok {
		want = "True"
	}
	return checkCondition(task, kind, want)
}

// checkCondition restates the function of that name in
// provider/pkg/await/condition/kubectl.go, a copy of kubectl's.
func checkCondition(task *unstructured.Unstructured, kind, want string) (bool, error) {
	list, _, err := unstructured.NestedSlice(task.Object, "status", "conditions")
	if err != nil {
		return false, err
	}
	for _, c := range list {
		c, _ := c.(map[string]any)
		if name, _, _ := unstructured.NestedString(c, "type"); !strings.EqualFold(name, kind) {
			continue
		}
		observed, found, _ := unstructured.NestedInt64(c, "observedGeneration")
		if !found {
			observed, found, _ = unstructured.NestedInt64(task.Object, "status", "observedGeneration")
		}
		if found && observed < task.GetGeneration() {
			return false, nil
		}
		is, _, _ := unstructured.NestedString(c, "status")
		return strings.EqualFold(is, want), nil
	}
	return false, nil
}
