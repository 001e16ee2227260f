package argocd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// customization is the folder that Argo CD's own repository would take.
const customization = root + "/config/argocd/resource_customizations/clb.tencentcloud.com/CLBTask"

// livesFile has the statuses of many simulated lives.
const livesFile = root + "/internal/lifecycle/testdata/lives.json"

// structure is that of health_test.yaml, as in Argo CD's util/lua/health_test.go.
type structure struct {
	Tests []expectation `json:"tests"`
}

type expectation struct {
	HealthStatus health.HealthStatus `json:"healthStatus"`
	InputPath    string              `json:"inputPath"`
}

func script() string { return read(filepath.Join(customization, "health.lua")) }

func read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// compareFile compares a generated file with the one that is kept, or with -update
// writes it.
func compareFile(file, content string) {
	GinkgoHelper()
	if *update {
		Expect(os.WriteFile(file, []byte(content), 0o644)).To(Succeed())
		return
	}
	Expect(content).To(Equal(read(file)), "%s is not what this run found: run `make gitops-table`", file)
}

func decode(file string, into any) {
	if err := yaml.UnmarshalStrict([]byte(read(file)), into); err != nil {
		panic(fmt.Errorf("%s: %w", file, err))
	}
}

// dump returns the object that the operator held in a state.
func dump(state string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	decode(filepath.Join(customization, "testdata", state+".yaml"), &object.Object)
	return object
}

// overridden rates an object as Argo CD does with a health script from its
// ConfigMap: without Lua's libraries.
func overridden(object *unstructured.Unstructured) *health.HealthStatus {
	GinkgoHelper()
	rated, err := lua.ResourceHealthOverrides{
		lua.GetConfigMapKey(object.GroupVersionKind()): {HealthLua: script()},
	}.GetResourceHealth(object)
	Expect(err).NotTo(HaveOccurred())
	return rated
}

var _ = Describe("The health script", func() {
	It("rates each dump as health_test.yaml says, with Lua's libraries and without", func() {
		var made structure
		files, err := filepath.Glob(customization + "/testdata/*.yaml")
		Expect(err).NotTo(HaveOccurred())
		for _, file := range files {
			name := filepath.Base(file)
			object := dump(strings.TrimSuffix(name, ".yaml"))
			rated := overridden(object)
			// As Argo CD runs the scripts that are built in, and its own tests of them.
			builtIn, err := lua.VM{UseOpenLibs: true}.ExecuteHealthLua(object, script())
			Expect(err).NotTo(HaveOccurred())
			Expect(builtIn).To(Equal(rated), name)
			made.Tests = append(made.Tests, expectation{HealthStatus: *rated, InputPath: "testdata/" + name})
		}
		text, err := yaml.Marshal(made)
		Expect(err).NotTo(HaveOccurred())
		compareFile(filepath.Join(customization, "health_test.yaml"), string(text))
	})

	It("rates every status of many lives by what really happened in them", func() {
		var moments []struct {
			Object map[string]any
			Class  int // Open, good or ended.
			State  string
		}
		Expect(json.Unmarshal([]byte(read(livesFile)), &moments)).To(Succeed())
		Expect(len(moments)).To(BeNumerically(">", 80))
		for _, m := range moments {
			want := []health.HealthStatusCode{health.HealthStatusProgressing, health.HealthStatusHealthy, health.HealthStatusDegraded}[m.Class]
			if m.State == "suspended" {
				want = health.HealthStatusSuspended
			}
			Expect(overridden(&unstructured.Unstructured{Object: m.Object}).Status).To(Equal(want), "%v", m.Object["status"])
		}
	})

	DescribeTable("takes what says nothing certain for Progressing", func(change func(object map[string]any)) {
		for _, state := range []string{"succeeded", "failed", "suspended"} {
			object := dump(state)
			change(object.Object)
			Expect(overridden(object).Status).To(Equal(health.HealthStatusProgressing), state)
		}
	},
		Entry("an object without a status", func(object map[string]any) { delete(object, "status") }),
		Entry("a status without conditions", func(object map[string]any) {
			unstructured.RemoveNestedField(object, "status", "conditions")
		}),
		Entry("a status of an earlier spec", func(object map[string]any) {
			Expect(unstructured.SetNestedField(object, int64(2), "metadata", "generation")).To(Succeed())
		}),
		Entry("the status that the schema gives to a new object", func(object map[string]any) {
			object["status"] = dump("fresh").Object["status"]
		}),
	)

	It("rates an object whose conditions have no message", func() {
		object := dump("failed")
		conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
		Expect(err).NotTo(HaveOccurred())
		for _, c := range conditions {
			delete(c.(map[string]any), "message")
		}
		Expect(unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions")).To(Succeed())
		Expect(overridden(object).Status).To(Equal(health.HealthStatusDegraded))
	})

	It("is what Argo CD's own settings read from its ConfigMap once it is patched", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "argocd-cm.yaml")
		Expect(os.WriteFile(file, []byte(emptyConfig), 0o600)).To(Succeed())
		kubectl(ctx, "apply", "--filename="+file)
		// The line that docs/guides/argocd.md and the file itself give.
		kubectl(ctx, "--namespace=argocd", "patch", "configmap", "argocd-cm", "--patch-file="+root+"/config/argocd/argocd-cm.yaml")

		overrides, err := settings.NewSettingsManager(ctx, kubernetes.NewForConfigOrDie(cluster), "argocd").GetResourceOverrides()
		Expect(err).NotTo(HaveOccurred())
		key := lua.GetConfigMapKey(dump("fresh").GroupVersionKind())
		Expect(overrides).To(HaveKey(key))
		Expect(overrides[key].UseOpenLibs).To(BeFalse())
		Expect(strings.TrimSpace(overrides[key].HealthLua)).To(Equal(strings.TrimSpace(script())))
	})
})

// emptyConfig is what an installation of Argo CD has, as far as its settings need it.
const emptyConfig = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/part-of: argocd
data:
  url: https://argocd.example.com
---
apiVersion: v1
kind: Secret
metadata:
  name: argocd-secret
  namespace: argocd
  labels:
    app.kubernetes.io/part-of: argocd
`
