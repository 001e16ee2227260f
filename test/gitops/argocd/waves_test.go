package argocd_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const guide = root + "/docs/guides/argocd"

// application is the guide's example while Argo CD syncs it into a namespace of its
// own: a CLBTask, and in the next wave a ConfigMap.
type application struct {
	namespace string
	override  health.HealthOverride
	targets   []*unstructured.Unstructured

	phase   common.OperationPhase
	message string
	results []common.ResourceSyncResult
}

func newApplication(namespace string, override health.HealthOverride) *application {
	GinkgoHelper()
	app := &application{namespace: namespace, override: override, phase: common.OperationRunning}
	for _, name := range []string{"clbtask.yaml", "web.yaml"} {
		target := &unstructured.Unstructured{}
		decode(filepath.Join(guide, "manifests", name), &target.Object)
		target.SetNamespace(app.namespace)
		app.targets = append(app.targets, target)
	}
	return app
}

// sync is one step of a sync, set up as in Argo CD's controller/sync.go with the
// options of an Application that has none.
func (a *application) sync(ctx context.Context) {
	GinkgoHelper()
	live := map[kube.ResourceKey]*unstructured.Unstructured{}
	for _, target := range a.targets {
		if object := a.live(ctx, target); object != nil {
			live[kube.GetResourceKey(object)] = object
		}
	}
	targets := make([]*unstructured.Unstructured, len(a.targets))
	for i, target := range a.targets {
		targets[i] = target.DeepCopy()
	}
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	step, cleanup, err := sync.NewSyncContext("main", sync.Reconcile(targets, live, a.namespace, scopes{}), cluster, cluster, kubectl, a.namespace,
		sync.WithLogr(logr.Discard()),
		sync.WithHealthOverride(a.override),
		sync.WithOperationSettings(false, true, false, false),
		sync.WithInitialState(a.phase, a.message, a.results, metav1.NewTime(time.Now())),
	)
	Expect(err).NotTo(HaveOccurred())
	defer cleanup()
	step.Sync()
	a.phase, a.message, a.results = step.GetState()
}

// live returns the object as the API server has it, nil if there is none.
func (a *application) live(ctx context.Context, target *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(target.GroupVersionKind())
	err := k8s.Get(ctx, client.ObjectKeyFromObject(target), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return object
}

// task and next are the objects of the two waves.
func (a *application) task(ctx context.Context) *unstructured.Unstructured {
	return a.live(ctx, a.targets[0])
}

func (a *application) next(ctx context.Context) *unstructured.Unstructured {
	return a.live(ctx, a.targets[1])
}

// reading is how the sync has ended, or that it goes on.
func (a *application) reading(ctx context.Context) string {
	GinkgoHelper()
	next := a.next(ctx)
	switch a.phase {
	case common.OperationRunning:
		Expect(next).To(BeNil())
		return waits
	case common.OperationFailed:
		Expect(next).To(BeNil())
		return fails
	case common.OperationSucceeded:
		Expect(next).NotTo(BeNil())
		return done
	default:
		return string(a.phase) + ": " + a.message
	}
}

// scopes is a ResourceInfoProvider for the guide's kinds.
type scopes struct{}

func (scopes) IsNamespaced(schema.GroupKind) (bool, error) { return true, nil }

// held returns the object that the operator holds in a state.
func held(ctx context.Context, state string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(dump(state).GroupVersionKind())
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(dump(state)), object)).To(Succeed())
	return object
}

// syncHeld syncs the example in the namespace where the operator holds its CLBTask
// in a state, until nothing more happens.
func syncHeld(ctx context.Context, state string, override health.HealthOverride) *application {
	GinkgoHelper()
	task := held(ctx, state)
	app := newApplication(task.GetNamespace(), override)
	app.targets[0].SetName(task.GetName())
	spec, _, err := unstructured.NestedMap(task.Object, "spec")
	Expect(err).NotTo(HaveOccurred())
	Expect(unstructured.SetNestedMap(app.targets[0].Object, spec, "spec")).To(Succeed())
	if next := app.next(ctx); next != nil { // Of another sync.
		Expect(k8s.Delete(ctx, next)).To(Succeed())
	}
	app.settle(ctx)
	Expect(held(ctx, state).Object["status"]).To(Equal(task.Object["status"]), "a sync changes no status")
	return app
}

// settle syncs until nothing more happens.
func (a *application) settle(ctx context.Context) {
	GinkgoHelper()
	for range 5 {
		if a.phase == common.OperationRunning {
			a.sync(ctx)
		}
	}
}

// inState syncs the example into a new namespace until nothing more happens while
// its CLBTask has the status of a dump.
func inState(ctx context.Context, state string, override health.HealthOverride) *application {
	GinkgoHelper()
	app := newApplication(newNamespace(ctx), override)
	app.sync(ctx)
	Expect(app.phase).To(Equal(common.OperationRunning), app.message)
	task := app.task(ctx)
	Expect(task).NotTo(BeNil(), app.message)
	task.Object["status"] = maps.Clone(dump(state).Object["status"].(map[string]any))
	Expect(k8s.Status().Update(ctx, task)).To(Succeed())
	app.settle(ctx)
	return app
}

func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "argocd-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

var (
	withScript = lua.ResourceHealthOverrides{"clb.tencentcloud.com/CLBTask": {HealthLua: script()}}
	noScript   = lua.ResourceHealthOverrides{}
)

var _ = Describe("The guide's example", func() {
	It("is accepted whole by Argo CD's own resource definition", func(ctx SpecContext) {
		crd := filepath.Join(moduleDir(ctx, "github.com/argoproj/argo-cd/v3"), "manifests", "crds", "application-crd.yaml")
		_, err := envtest.InstallCRDs(cluster, envtest.CRDInstallOptions{Paths: []string{crd}, ErrorIfPathMissing: true})
		Expect(err).NotTo(HaveOccurred())
		kubectl(ctx, "apply", "--server-side", "--validate=strict", "--filename="+guide+"/application.yaml")
	})

	It("says why a wave failed, in the cloud's words", func(ctx SpecContext) {
		app := inState(ctx, "failed", withScript)
		Expect(app.phase).To(Equal(common.OperationFailed))
		i := slices.IndexFunc(app.results, func(r common.ResourceSyncResult) bool { return r.ResourceKey.Kind == "CLBTask" })
		Expect(i).To(BeNumerically(">=", 0))
		Expect(app.results[i].Message).To(ContainSubstring("The backend ins-5f2k8p1c is not in the VPC"))
	})

	It("goes on from problems that pass to success", func(ctx SpecContext) {
		app := inState(ctx, "throttled", withScript)
		Expect(app.reading(ctx)).To(Equal(waits))
		task := app.task(ctx)
		task.Object["status"] = dump("succeeded").Object["status"]
		Expect(k8s.Status().Update(ctx, task)).To(Succeed())
		app.sync(ctx)
		Expect(app.reading(ctx)).To(Equal(done))
	})

	It("has another request under the same name refused", func(ctx SpecContext) {
		app := inState(ctx, "succeeded", withScript)
		Expect(unstructured.SetNestedField(app.targets[0].Object, "another-request", "spec", "requestId")).To(Succeed())
		app.phase, app.results = common.OperationRunning, nil // The sync of the next commit.
		app.sync(ctx)
		Expect(app.phase).To(Equal(common.OperationFailed))
		Expect(app.results[0].Message).To(ContainSubstring("requestId is immutable"))
	})

	It("is not waited for in the last wave", func(ctx SpecContext) {
		app := newApplication(newNamespace(ctx), withScript)
		app.targets = app.targets[:1]
		app.sync(ctx)
		Expect(app.task(ctx)).NotTo(BeNil())
		Expect(app.phase).To(Equal(common.OperationSucceeded))
	})
})
