package gitops_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

func helmWaiters() []waiter {
	return []waiter{
		{
			Name: "Helm 4 `--wait`", Rule: "kstatus, until every object of the release is Current or Failed",
			Code:  "its own: `helm.sh/helm/v4/pkg/kube`",
			judge: helmJudge(kube.StatusWatcherStrategy, kube.Waiter.Wait), want: forSuccess,
		},
		{
			Name: "Helm 4, in a hook", Rule: "hooks are awaited when they are Jobs or Pods; all else counts as ready",
			Code:  "its own: `helm.sh/helm/v4/pkg/kube`",
			judge: helmJudge(kube.StatusWatcherStrategy, kube.Waiter.WatchUntilReady), want: blind,
		},
		{
			Name: "Helm 4 `--wait=legacy`", Rule: "built-in kinds alone, as Helm 3",
			Code:  "its own: `helm.sh/helm/v4/pkg/kube`",
			judge: helmJudge(kube.LegacyStrategy, kube.Waiter.Wait), want: blind,
		},
	}
}

// helmJudge lets a strategy wait for an object that is there already.
func helmJudge(strategy kube.WaitStrategy, wait func(kube.Waiter, kube.ResourceList, time.Duration) error) judge {
	return func(ctx context.Context, task *unstructured.Unstructured, timeout time.Duration) (string, error) {
		helm := kube.New(helmFlags(task.GetNamespace()))
		helm.SetLogger(slog.DiscardHandler)
		identity := clbTask(task.GetNamespace(), task.GetName())
		manifest, err := yaml.Marshal(identity)
		if err != nil {
			return "", err
		}
		list, err := helm.Build(strings.NewReader(string(manifest)), false)
		if err != nil {
			return "", err
		}
		waiter, err := helm.GetWaiterWithOptions(strategy, kube.WithWaitContext(ctx))
		if err != nil {
			return "", err
		}
		return helmReading(wait(waiter, list, timeout))
	}
}

// helmReading separates a time-out and a failed object from any other error.
func helmReading(err error) (string, error) {
	switch {
	case err == nil:
		return done, nil
	case errors.Is(err, context.DeadlineExceeded):
		return waits, nil
	case strings.Contains(err.Error(), "status: Failed"):
		return fails, nil
	default:
		return "", err
	}
}

func helmFlags(namespace string) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace, flags.CacheDir = &kubeconfig, &namespace, new(kubeconfig+".cache")
	return flags
}

var _ = Describe("The guide for Helm 4", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorld(ctx, "helm-")
		w.run(realenv.Simulated)
	})

	It("installs a release when its request has succeeded, and upgrades it to another request", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, FromFirstPoll: true, Duration: 2 * time.Second})
		Expect(w.install(ctx, "create-lb", time.Minute)).To(Succeed())
		Expect(w.phases(ctx)).To(ConsistOf("Succeeded"))

		w.sim.AddTask(clbsim.Task{ID: "next-request", FromFirstPoll: true, Duration: time.Second})
		upgrade := action.NewUpgrade(w.helm())
		upgrade.Namespace, upgrade.Timeout, upgrade.WaitStrategy = w.namespace, time.Minute, kube.StatusWatcherStrategy
		_, err := upgrade.RunWithContext(ctx, "create-lb", guideChart(), values("next-request"))
		Expect(err).NotTo(HaveOccurred())
		Eventually(w.phases).WithContext(ctx).Should(ConsistOf("Succeeded"), "one object, that of the next request")
	})

	It("fails a release at once when its request has failed", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, Result: clbsim.Failed, FromFirstPoll: true, Duration: time.Second})
		err := w.install(ctx, "create-lb", time.Minute)
		Expect(helmReading(err)).To(Equal(fails))
		Expect(w.phases(ctx)).To(ConsistOf("Failed"))
	})

	It("fails a release when its time is over", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, Result: clbsim.Stuck})
		Expect(helmReading(w.install(ctx, "create-lb", little))).To(Equal(waits))
	})
})

func (w *world) helm() *action.Configuration {
	GinkgoHelper()
	configuration := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	Expect(configuration.Init(helmFlags(w.namespace), w.namespace, "secret")).To(Succeed())
	return configuration
}

// install is helm install --wait.
func (w *world) install(ctx context.Context, release string, timeout time.Duration) error {
	GinkgoHelper()
	install := action.NewInstall(w.helm())
	install.ReleaseName, install.Namespace = release, w.namespace
	install.Timeout, install.WaitStrategy = timeout, kube.StatusWatcherStrategy
	_, err := install.RunWithContext(ctx, guideChart(), values(requestID))
	return err
}

func guideChart() chart.Charter {
	GinkgoHelper()
	loaded, err := loader.Load(guides + "/helm/clb-request")
	Expect(err).NotTo(HaveOccurred())
	return loaded
}

func values(request string) map[string]any {
	return map[string]any{"requestId": request, "region": region}
}

// phases are those of the CLBTasks that are there.
func (w *world) phases(ctx context.Context) ([]string, error) {
	list := &v1alpha1.CLBTaskList{}
	err := k8s.List(ctx, list, client.InNamespace(w.namespace))
	var phases []string
	for _, task := range list.Items {
		phases = append(phases, string(task.Status.Phase))
	}
	return phases, err
}
