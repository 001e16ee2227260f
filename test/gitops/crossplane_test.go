package gitops_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// celQuery is an alternative to DeriveFromObject.
const celQuery = `object.status.phase == "Succeeded"`

func crossplaneWaiters() []waiter {
	const code = "restated: provider-kubernetes, `internal/controller/namespaced/object/object.go`, "
	return []waiter{
		{
			Name: "Crossplane `DeriveFromObject`", Rule: "the condition `Ready`, as in the [guide](guides/crossplane.md)",
			Code: code + "checkDeriveFromObject", pure: true, judge: ready(deriveFromObject), want: withoutFails,
		},
		{
			Name: "Crossplane `AllTrue`", Rule: "at least one condition, and all of them True",
			Code: code + "checkAllConditions", pure: true, judge: ready(allTrue), want: withoutFails,
		},
		{
			Name: "Crossplane `DeriveFromCelQuery`", Rule: "`" + celQuery + "`",
			Code: code + "checkDeriveFromCelQuery, with the library that it uses", pure: true, judge: ready(deriveFromCELQuery), want: withoutFails,
		},
		{
			Name: "Crossplane `SuccessfulCreate`", Rule: "that the object is there; the default",
			Code: code + "handleObservation", pure: true, judge: ready(func(*unstructured.Unstructured) (bool, error) { return true, nil }), want: blind,
		},
	}
}

// ready makes a waiter of a readiness policy. What is not ready is looked at again.
func ready(policy func(*unstructured.Unstructured) (bool, error)) judge {
	return func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
		ok, err := policy(task)
		if ok {
			return done, err
		}
		return waits, err
	}
}

// conditions returns the status of each condition by its type.
func conditions(task *unstructured.Unstructured) map[string]string {
	list, _, _ := unstructured.NestedSlice(task.Object, "status", "conditions")
	statuses := map[string]string{}
	for _, c := range list {
		if c, ok := c.(map[string]any); ok {
			kind, _ := c["type"].(string)
			statuses[kind], _ = c["status"].(string)
		}
	}
	return statuses
}

func deriveFromObject(task *unstructured.Unstructured) (bool, error) {
	return conditions(task)["Ready"] == "True", nil
}

func allTrue(task *unstructured.Unstructured) (bool, error) {
	all := conditions(task)
	for _, status := range all {
		if status != "True" {
			return false, nil
		}
	}
	return len(all) > 0, nil
}

func deriveFromCELQuery(task *unstructured.Unstructured) (bool, error) {
	env, err := cel.NewEnv(cel.Variable("object", cel.AnyType))
	if err != nil {
		return false, err
	}
	ast, issues := env.Compile(celQuery)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := env.Program(ast)
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(task.Object)
	if err != nil {
		return false, err
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return false, err
	}
	value, _, err := program.Eval(map[string]any{"object": object})
	return value == types.True, err
}

var _ = Describe("The guide for Crossplane", func() {
	It("is accepted whole by the resource definitions of provider-kubernetes", func(ctx SpecContext) {
		crossplane.install(ctx, "package/crds/kubernetes.m.crossplane.io_objects.yaml", "package/crds/kubernetes.m.crossplane.io_clusterproviderconfigs.yaml")
		ensureNamespace(ctx, "crossplane-system")
		ensureNamespace(ctx, "shop")
		strictly(ctx, "shop", guides+"/crossplane/provider.yaml")
		strictly(ctx, "shop", guides+"/crossplane/object.yaml")
	})

	It("makes an object that the provider may make, and that is ready when the request has succeeded", func(ctx SpecContext) {
		w := newWorld(ctx, "crossplane-")
		w.sim.AddTask(clbsim.Task{ID: requestID, FromFirstPoll: true, Duration: time.Second})
		w.run(realenv.Simulated)
		ensureNamespace(ctx, "crossplane-system")
		strictly(ctx, w.namespace, guides+"/crossplane/rbac.yaml")

		object := guide("crossplane/object.yaml")[0]
		policy, _, _ := unstructured.NestedString(object.Object, "spec", "readiness", "policy")
		Expect(policy).To(Equal("DeriveFromObject"))
		manifest, _, _ := unstructured.NestedMap(object.Object, "spec", "forProvider", "manifest")
		task := &unstructured.Unstructured{Object: manifest}
		task.SetNamespace(w.namespace)
		provider := impersonate("system:serviceaccount:crossplane-system:provider-kubernetes")
		Expect(provider.Create(ctx, task, client.FieldValidation("Strict"))).To(Succeed())
		Eventually(func(g Gomega) bool {
			g.Expect(provider.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
			ok, err := deriveFromObject(task)
			g.Expect(err).NotTo(HaveOccurred())
			return ok
		}).WithContext(ctx).Should(BeTrue())
		Expect(row(task)).To(HavePrefix("Succeeded"))
	})
})
