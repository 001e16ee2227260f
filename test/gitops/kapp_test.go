package gitops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

func kappWaiters() []waiter {
	return []waiter{
		{
			Name: "kapp", Rule: "the `waitRules` of the [guide](guides/kapp.md)",
			Code: "restated: kapp, `pkg/kapp/resourcesmisc/custom_waiting_resource.go`, IsDoneApplying",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				reading, _, err := readKapp().judge(task)
				return reading, err
			},
			want: forSuccess,
		},
		{
			Name: "kapp without `waitRules`", Rule: "a kind that kapp does not know is done at once",
			Code: "restated: kapp, `pkg/kapp/clusterapply/converged_resource.go`, IsDoneApplying",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				reading, _, err := kappConfig{}.judge(task)
				return reading, err
			},
			want: blind,
		},
	}
}

// kappConfig is what of kapp's pkg/kapp/config/config.go the guide uses.
type kappConfig struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	WaitRules  []kappWaitRule `json:"waitRules"`
}

type kappWaitRule struct {
	SupportsObservedGeneration bool                   `json:"supportsObservedGeneration"`
	ConditionMatchers          []kappConditionMatcher `json:"conditionMatchers"`
	ResourceMatchers           []struct {
		APIVersionKindMatcher kappKind `json:"apiVersionKindMatcher"`
	} `json:"resourceMatchers"`
}

type kappKind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

type kappConditionMatcher struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Success bool   `json:"success"`
	Failure bool   `json:"failure"`
}

// readKapp reads the guide's configuration. kapp ignores fields that it does not
// know; here they fail.
func readKapp() kappConfig {
	var config kappConfig
	text, err := os.ReadFile(filepath.Join(guides, "kapp", "config.yaml"))
	if err == nil {
		err = yaml.UnmarshalStrict(text, &config)
	}
	if err == nil && (config.APIVersion != "kapp.k14s.io/v1alpha1" || config.Kind != "Config") {
		err = fmt.Errorf("kapp takes it for an object to apply: %s %s", config.APIVersion, config.Kind)
	}
	if err != nil {
		panic(err)
	}
	return config
}

// judge restates how kapp waits for an object: by the first rule that matches it,
// and if there is none, not at all. In a rule, any failure comes before any success.
func (c kappConfig) judge(object *unstructured.Unstructured) (reading, message string, err error) {
	for _, rule := range c.WaitRules {
		for _, matcher := range rule.ResourceMatchers {
			if matcher.APIVersionKindMatcher == (kappKind{object.GetAPIVersion(), object.GetKind()}) {
				return rule.judge(object)
			}
		}
	}
	return done, "", nil
}

func (r kappWaitRule) judge(object *unstructured.Unstructured) (reading, message string, err error) {
	var task v1alpha1.CLBTask
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &task); err != nil {
		return "", "", err
	}
	if r.SupportsObservedGeneration && task.Generation != task.Status.ObservedGeneration {
		return waits, "", nil
	}
	for _, failure := range []bool{true, false} {
		for _, matcher := range r.ConditionMatchers {
			for _, c := range task.Status.Conditions {
				switch {
				case c.Type != matcher.Type || string(c.Status) != matcher.Status:
				case failure && matcher.Failure:
					return fails, c.Message, nil
				case !failure && matcher.Success:
					return done, c.Message, nil
				}
			}
		}
	}
	return waits, "", nil
}

var _ = Describe("The guide for kapp", func() {
	It("is accepted whole by the API server, but for kapp's own configuration", func(ctx SpecContext) {
		ensureNamespace(ctx, "shop")
		strictly(ctx, "shop", guides+"/kapp/clbtask.yaml")
		strictly(ctx, "shop", guides+"/kapp/web.yaml")
	})

	It("lets the second object wait for the group of the first", func() {
		group := guide("kapp/clbtask.yaml")[0].GetAnnotations()["kapp.k14s.io/change-group"]
		Expect(group).NotTo(BeEmpty())
		Expect(guide("kapp/web.yaml")[0].GetAnnotations()).To(HaveKeyWithValue("kapp.k14s.io/change-rule", "upsert after upserting "+group))
	})

	DescribeTable("ends as the request does", func(ctx SpecContext, cloud clbsim.Task, reading, message string) {
		w := newWorld(ctx, "kapp-")
		cloud.ID, cloud.FromFirstPoll, cloud.Duration = requestID, true, time.Second
		w.sim.AddTask(cloud)
		w.run(realenv.Simulated)
		strictly(ctx, w.namespace, guides+"/kapp/clbtask.yaml")
		task := guide("kapp/clbtask.yaml")[0]
		task.SetNamespace(w.namespace)
		config := readKapp()
		Eventually(func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
			is, why, err := config.judge(task)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(is).To(Equal(reading))
			g.Expect(why).To(ContainSubstring(message))
		}).WithContext(ctx).Should(Succeed())
	},
		Entry("with success", clbsim.Task{}, done, "The task succeeded"),
		Entry("with failure, and the cloud's reason", clbsim.Task{Result: clbsim.Failed, Message: "no such VPC"}, fails, "no such VPC"),
	)
})
