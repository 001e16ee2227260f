package gitops_test

import (
	"context"
	"maps"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// What the cloud and the tasks of all worlds are made of.
const (
	region    = "ap-guangzhou"
	requestID = "55c85074-3e7f-4c6d-864f-673660d4f8de"
	taskName  = "create-web-lb"
)

// world is a namespace of the real API server with a simulated cloud of its own.
type world struct {
	namespace string
	sim       realenv.Cloud
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
	sim := realenv.StartCloud(clbsim.Config{})
	DeferCleanup(sim.Close)
	return &world{namespace: object.Name, sim: sim}
}

// run starts the operator for the world's namespace, in this process.
func (w *world) run(credentials clb.CredentialSource) {
	GinkgoHelper()
	api, err := realenv.NewAPI(credentials, 2*time.Second, w.sim.URL)
	Expect(err).NotTo(HaveOccurred())
	stop, err := cluster.Run(api, controllers.Options{Slots: 10, Namespaces: []string{w.namespace}}, nil)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stop)
}

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

// row returns the row of the state matrix that an object's status reads.
func row(task *unstructured.Unstructured) string {
	GinkgoHelper()
	typed := new(v1alpha1.CLBTask)
	Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(task.Object, typed)).To(Succeed())
	return matrix.Row(typed.Status)
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
	cfg := rest.CopyConfig(cluster.Config)
	cfg.Impersonate.UserName = user
	as, err := client.New(cfg, client.Options{Scheme: cluster.Scheme})
	Expect(err).NotTo(HaveOccurred())
	return as
}
