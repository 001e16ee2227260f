package gitops_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// What the cloud and the tasks of all worlds are made of.
const (
	region    = "ap-guangzhou"
	requestID = "55c85074-3e7f-4c6d-864f-673660d4f8de"
	taskName  = "create-web-lb"

	secretID  = "simulated-id"
	secretKey = "simulated-key"
)

// world is a namespace of the real API server with a simulated cloud of its own.
type world struct {
	namespace string
	sim       *clbsim.Simulator
	url       string
}

// newWorld takes the namespace's name, since dumps show it; one that ends in a dash is
// a prefix.
func newWorld(ctx context.Context, namespace string) *world {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Name: namespace}
	if strings.HasSuffix(namespace, "-") {
		meta = metav1.ObjectMeta{GenerateName: namespace}
	}
	object := &corev1.Namespace{ObjectMeta: meta}
	Expect(k8s.Create(ctx, object)).To(Succeed())
	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: secretID, SecretKey: secretKey}}})
	server := httptest.NewServer(sim)
	DeferCleanup(server.Close)
	return &world{namespace: object.Name, sim: sim, url: server.URL}
}

// run starts the operator for the world's namespace, in this process.
func (w *world) run(credentials clb.CredentialSource) {
	GinkgoHelper()
	endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: []string{w.url}})
	Expect(err).NotTo(HaveOccurred())
	api, err := clb.NewAPI(endpoints, credentials, 2*time.Second)
	Expect(err).NotTo(HaveOccurred())
	options := controllers.Options{Slots: 10, Namespaces: []string{w.namespace}}
	mgr, err := ctrl.NewManager(cluster, ctrl.Options{
		Scheme:     k8sScheme,
		Cache:      options.CacheOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(controllers.SetupCLBTaskController(mgr, api, options)).To(Succeed())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	DeferCleanup(func() {
		cancel()
		Eventually(ended).Should(Receive(BeNil()))
	})
}

// pair is a CredentialSource that always yields the simulator's key pair.
type pair struct{}

func (pair) Credential(context.Context) (clb.Credential, error) {
	return clb.NewCredential(secretID, secretKey, ""), nil
}

func (pair) Account() string { return secretID }

// none is a CredentialSource that has nothing.
func none() clb.CredentialSource {
	return clb.EnvCredentials{Getenv: func(string) string { return "" }}
}

// clbTask returns an object with nothing but an identity, for a Get to fill.
func clbTask(namespace, name string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("CLBTask"))
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// apply creates a CLBTask for the request ID, with more in its spec if given.
func (w *world) apply(ctx context.Context, name string, more map[string]any) *unstructured.Unstructured {
	GinkgoHelper()
	task := clbTask(w.namespace, name)
	spec := map[string]any{"requestId": requestID, "region": region}
	maps.Copy(spec, more)
	task.Object["spec"] = spec
	// Strict, so that a field that the CRD does not know fails.
	Expect(k8s.Create(ctx, task, client.FieldValidation(metav1.FieldValidationStrict))).To(Succeed())
	return task
}

// row renders a status as a row of the state matrix: the phase, then each
// condition as type=status/reason in list order.
func row(task *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(task.Object, "status", "phase")
	cells := []string{phase}
	conditions, _, _ := unstructured.NestedSlice(task.Object, "status", "conditions")
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		cells = append(cells, fmt.Sprintf("%v=%v/%v", c["type"], c["status"], c["reason"]))
	}
	if at, _, _ := unstructured.NestedString(task.Object, "status", "completionTime"); at != "" {
		cells = append(cells, "done")
	}
	return strings.Join(cells, " ")
}

// reach waits until the task shows the row, and refreshes it.
func reach(ctx context.Context, task *unstructured.Unstructured, want string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(task), task)).To(Succeed())
		g.Expect(row(task)).To(Equal(want))
	}).WithContext(ctx).Should(Succeed())
}

// impersonate returns a client that has a user's permissions.
func impersonate(user string) client.Client {
	GinkgoHelper()
	cfg := rest.CopyConfig(cluster)
	cfg.Impersonate.UserName = user
	as, err := client.New(cfg, client.Options{Scheme: k8sScheme})
	Expect(err).NotTo(HaveOccurred())
	return as
}
