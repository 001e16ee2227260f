package gitops_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/tidwall/gjson"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

func workflowWaiters() []waiter {
	return []waiter{{
		Name: "Argo Workflows", Rule: "`successCondition` and `failureCondition` of the [guide](guides/argo-workflows.md): label selectors over paths of the object",
		Code: "restated: argo-workflows, `workflow/executor/resource.go`, matchConditions, with the libraries that it uses",
		pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
			template := guideTemplate()
			return matchConditions(task, template.SuccessCondition, template.FailureCondition)
		},
		want: forSuccess,
	}}
}

// paths is a set of labels whose keys are paths, as gjsonLabels in Argo Workflows.
type paths struct{ json []byte }

func (p paths) Has(path string) bool { return gjson.GetBytes(p.json, path).Exists() }

func (p paths) Get(path string) string { return gjson.GetBytes(p.json, path).String() }

func (p paths) Lookup(path string) (string, bool) { return p.Get(path), p.Has(path) }

// matchConditions restates Argo Workflows' function of that name: any requirement
// of the failure condition fails, all of the success condition succeed.
func matchConditions(task *unstructured.Unstructured, success, failure string) (string, error) {
	text, err := task.MarshalJSON()
	if err != nil {
		return "", err
	}
	failureSelector, err := labels.Parse(failure)
	if err != nil {
		return "", err
	}
	successSelector, err := labels.Parse(success)
	if err != nil {
		return "", err
	}
	requirements, _ := failureSelector.Requirements()
	for _, r := range requirements {
		if r.Matches(paths{text}) {
			return fails, nil
		}
	}
	if successSelector.Matches(paths{text}) {
		return done, nil
	}
	return waits, nil
}

// resourceTemplate is what the guide's workflow says of the object to make.
type resourceTemplate struct {
	Action, SuccessCondition, FailureCondition, Manifest string
}

func guideTemplate() resourceTemplate {
	workflow := guide("argo-workflows/workflow.yaml")[0]
	templates, _, _ := unstructured.NestedSlice(workflow.Object, "spec", "templates")
	for _, t := range templates {
		t, _ := t.(map[string]any)
		if resource, _, _ := unstructured.NestedStringMap(withoutOthers(t), "resource"); resource != nil {
			return resourceTemplate{resource["action"], resource["successCondition"], resource["failureCondition"], resource["manifest"]}
		}
	}
	panic("the guide's workflow has no resource template")
}

// withoutOthers drops the values of a resource template that are no strings.
func withoutOthers(template map[string]any) map[string]any {
	resource, ok := template["resource"].(map[string]any)
	if !ok {
		return nil
	}
	texts := map[string]any{}
	for key, value := range resource {
		if text, ok := value.(string); ok {
			texts[key] = text
		}
	}
	return map[string]any{"resource": texts}
}

var _ = Describe("The guide for Argo Workflows", func() {
	It("is accepted whole by the full resource definitions of Argo Workflows", func(ctx SpecContext) {
		workflows.install(ctx, "manifests/base/crds/full/argoproj.io_workflows.yaml")
		w := newWorld(ctx, "workflows-")
		strictly(ctx, w.namespace, guides+"/argo-workflows/rbac.yaml")
		// apply refuses objects that are to be named by the API server.
		out, err := kubectl(ctx, "create", "--validate=strict", "--namespace="+w.namespace, "--filename="+guides+"/argo-workflows/workflow.yaml")
		Expect(err).NotTo(HaveOccurred(), out)
	})

	It("makes an object that succeeds by the workflow's own condition", func(ctx SpecContext) {
		w := newWorld(ctx, "workflows-")
		w.sim.AddTask(clbsim.Task{ID: requestID, FromFirstPoll: true, Duration: time.Second})
		w.run(realenv.Simulated)
		template := guideTemplate()
		Expect(template.Action).To(Equal("create"))
		manifest := strings.NewReplacer("{{inputs.parameters.request-id}}", requestID, "{{inputs.parameters.region}}", region).Replace(template.Manifest)
		task := &unstructured.Unstructured{}
		Expect(yaml.UnmarshalStrict([]byte(manifest), &task.Object)).To(Succeed())
		task.SetNamespace(w.namespace)
		Expect(k8s.Create(ctx, task, client.FieldValidation("Strict"))).To(Succeed())
		Eventually(func(g Gomega) string {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
			reading, err := matchConditions(task, template.SuccessCondition, template.FailureCondition)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(reading).NotTo(Equal(fails))
			return reading
		}).WithContext(ctx).Should(Equal(done))
		Expect(row(task)).To(HavePrefix("Succeeded"))
	})

	It("gives the workflow's pods what they need, and no more", func(ctx SpecContext) {
		w := newWorld(ctx, "workflows-")
		strictly(ctx, w.namespace, guides+"/argo-workflows/rbac.yaml")
		as := "--as=system:serviceaccount:" + w.namespace + ":clb-request-follower"
		file := filepath.Join(GinkgoT().TempDir(), "task.yaml")
		manifest, err := yaml.Marshal(func() map[string]any {
			task := clbTask(w.namespace, taskName)
			task.Object["spec"] = map[string]any{"requestId": requestID, "region": region}
			return task.Object
		}())
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, manifest, 0o600)).To(Succeed())
		out, err := kubectl(ctx, "create", as, "--filename="+file)
		Expect(err).NotTo(HaveOccurred(), out)
		out, err = kubectl(ctx, "get", as, "--filename="+file)
		Expect(err).NotTo(HaveOccurred(), out)
		_, err = kubectl(ctx, "delete", as, "--filename="+file)
		Expect(err).To(MatchError(ContainSubstring("Forbidden")))
	})
})
