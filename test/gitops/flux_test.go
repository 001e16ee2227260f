package gitops_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	fluxstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/runtime/statusreaders"
	"github.com/fluxcd/pkg/ssa"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

func kstatusWaiters() []waiter {
	return []waiter{
		{
			Name: "kstatus", Rule: "`observedGeneration`, then the first of `Reconciling` and `Stalled`, then `Ready`",
			Code:  "its own: `sigs.k8s.io/cli-utils`",
			judge: kstatus, pure: true,
			want: [3]string{open: "InProgress", good: "Current", ended: "Failed"},
		},
		{
			Name: "Flux `wait: true`", Rule: "kstatus, until all objects are Current or one is Failed",
			Code:  "its own: `github.com/fluxcd/pkg/ssa`, set up as kustomize-controller does",
			judge: fluxWait(func() []kustomize.CustomHealthCheck { return nil }), want: forSuccess,
		},
		{
			Name: "Flux `healthCheckExprs`", Rule: "the expressions of the [guide](guides/flux.md), instead of kstatus",
			Code:  "its own: `github.com/fluxcd/pkg/runtime/cel`",
			judge: fluxWait(guideHealthChecks), want: forSuccess, except: map[string]string{"suspended": fails},
		},
	}
}

// kstatus is what the library of Kubernetes says, and the fork that Flux and Helm use.
func kstatus(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
	result, err := status.Compute(task)
	if err != nil {
		return "", err
	}
	forked, err := fluxstatus.Compute(task)
	if err != nil {
		return "", err
	}
	if result.Status.String() != forked.Status.String() {
		return result.Status.String() + ", but with Flux " + forked.Status.String(), nil
	}
	return result.Status.String(), nil
}

// fluxManager is made as in kustomize-controller's internal/controller/kustomization_controller.go,
// getClientAndPoller.
func fluxManager(checks []kustomize.CustomHealthCheck) (*ssa.ResourceManager, error) {
	mapper := k8s.RESTMapper()
	readers := []engine.StatusReader{statusreaders.NewCustomJobStatusReader(mapper)}
	if len(checks) > 0 {
		makeReader, err := cel.NewStatusReader(checks)
		if err != nil {
			return nil, err
		}
		readers = append(readers, makeReader(mapper))
	}
	poller := polling.NewStatusPoller(k8s, mapper, polling.Options{CustomStatusReaders: readers})
	return ssa.NewResourceManager(k8s, poller, ssa.Owner{Field: "kustomize-controller", Group: "kustomize.toolkit.fluxcd.io"}), nil
}

// fluxWait waits as checkHealth does there; only the interval and the time-out are
// shorter.
func fluxWait(checks func() []kustomize.CustomHealthCheck) judge {
	return func(ctx context.Context, task *unstructured.Unstructured, timeout time.Duration) (string, error) {
		manager, err := fluxManager(checks())
		if err != nil {
			return "", err
		}
		set := object.ObjMetadataSet{object.UnstructuredToObjMetadata(task)}
		err = manager.WaitForSetWithContext(ctx, set, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: timeout, FailFast: true})
		switch {
		case err == nil:
			return done, nil
		case strings.HasPrefix(err.Error(), "failed early"):
			return fails, nil
		case strings.HasPrefix(err.Error(), "timeout"):
			return waits, nil
		}
		return "", err
	}
}

// guideHealthChecks are the expressions of docs/guides/flux/health-check-exprs.yaml.
func guideHealthChecks() []kustomize.CustomHealthCheck {
	var checks []kustomize.CustomHealthCheck
	list, _, err := unstructured.NestedSlice(guide("flux/health-check-exprs.yaml")[0].Object, "spec", "healthCheckExprs")
	if err == nil {
		var text []byte
		text, err = json.Marshal(list)
		err = errors.Join(err, json.Unmarshal(text, &checks))
	}
	if err != nil || len(checks) == 0 {
		Fail(fmt.Sprintf("read the guide's expressions: %v", err))
	}
	return checks
}

var _ = Describe("The guide for Flux", func() {
	It("is accepted whole by Flux's own resource definitions", func(ctx SpecContext) {
		fluxKustomize.install(ctx, "config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml")
		fluxSource.install(ctx, "config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml")
		ensureNamespace(ctx, "flux-system")
		strictly(ctx, "flux-system", guides+"/flux/kustomizations.yaml")
		strictly(ctx, "flux-system", guides+"/flux/health-check-exprs.yaml")
	})

	It("waits for the request, and goes on when it has succeeded", func(ctx SpecContext) {
		w := newWorld(ctx, "flux-")
		w.sim.AddTask(clbsim.Task{ID: requestID, FromFirstPoll: true, Duration: 2 * time.Second})
		w.run(realenv.Simulated)
		task := guideFlux(w.namespace)
		manager, err := fluxManager(nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = manager.ApplyAllStaged(ctx, []*unstructured.Unstructured{task}, ssa.DefaultApplyOptions())
		Expect(err).NotTo(HaveOccurred())
		Expect(manager.Wait([]*unstructured.Unstructured{task}, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: time.Minute, FailFast: true})).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
		Expect(task.Object).To(HaveKeyWithValue("status", HaveKeyWithValue("phase", "Succeeded")))
	})

	It("fails at once when the request has failed, with the object's name", func(ctx SpecContext) {
		w := newWorld(ctx, "flux-")
		w.sim.AddTask(clbsim.Task{ID: requestID, Result: clbsim.Failed, FromFirstPoll: true, Duration: time.Second})
		w.run(realenv.Simulated)
		task := guideFlux(w.namespace)
		manager, err := fluxManager(nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = manager.ApplyAllStaged(ctx, []*unstructured.Unstructured{task}, ssa.DefaultApplyOptions())
		Expect(err).NotTo(HaveOccurred())
		Expect(manager.Wait([]*unstructured.Unstructured{task}, ssa.WaitOptions{Interval: 100 * time.Millisecond, Timeout: time.Minute, FailFast: true})).
			To(MatchError(SatisfyAll(HavePrefix("failed early"), ContainSubstring(task.GetName()))))
	})

	It("has another request under the same name refused, and the object created again if Flux may force it", func(ctx SpecContext) {
		w := newWorld(ctx, "flux-")
		manager, err := fluxManager(nil)
		Expect(err).NotTo(HaveOccurred())
		options := ssa.DefaultApplyOptions()
		_, err = manager.Apply(ctx, guideFlux(w.namespace), options)
		Expect(err).NotTo(HaveOccurred())
		other := func() *unstructured.Unstructured {
			task := guideFlux(w.namespace)
			Expect(unstructured.SetNestedField(task.Object, "another-request", "spec", "requestId")).To(Succeed())
			return task
		}
		_, err = manager.Apply(ctx, other(), options)
		Expect(err).To(MatchError(ContainSubstring("requestId is immutable")))
		options.Force = true // spec.force, or the annotation kustomize.toolkit.fluxcd.io/force.
		entry, err := manager.Apply(ctx, other(), options)
		Expect(err).NotTo(HaveOccurred())
		Expect(entry.Action).To(Equal(ssa.CreatedAction))
	})
})

// guideFlux is the guide's CLBTask in the namespace, as targetNamespace puts it.
func guideFlux(namespace string) *unstructured.Unstructured {
	GinkgoHelper()
	task := guide("flux/load-balancer/clbtask.yaml")[0]
	task.SetNamespace(namespace)
	return task
}
