package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	goguide "github.com/clbtask/clbtask-operator/docs/go"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// The controller of the guide gets the verdict of its request.
func TestGoGuide(t *testing.T) {
	g := NewWithT(t)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	start(t, sky, cluster.Kubeconfig, key("some"))
	scheme := clientgoscheme.Scheme
	g.Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	mgr, err := ctrl.NewManager(cluster.Config, ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect((&goguide.Reconciler{Client: mgr.GetClient()}).SetupWithManager(mgr)).To(Succeed())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()

	owner := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "go-guide"},
		Data:       map[string]string{"requestId": "sim-fails-1s", "region": "ap-guangzhou"},
	}
	g.Expect(cluster.Client.Create(t.Context(), owner)).To(Succeed())
	t.Cleanup(func() { _ = cluster.Client.Delete(context.Background(), owner) })
	soon(g, func() (string, error) {
		err := cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(owner), owner)
		return owner.Data["result"], err
	}).Should(HavePrefix("Failed: The task failed: This failure is simulated"))
	task := new(v1alpha1.CLBTask)
	g.Expect(cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(owner), task)).To(Succeed())
	g.Expect(metav1.IsControlledBy(task, owner)).To(BeTrue())
	g.Expect(cluster.Client.Delete(t.Context(), task)).To(Succeed()) // Nobody collects it here.
	stop()
	g.Expect(<-ended).To(Succeed())
}

// Whoever imports the types gets no client.
func TestImportsOfTheTypes(t *testing.T) {
	output, err := exec.Command("go", "list", "-deps", "../../api/v1alpha1").Output()
	if err != nil {
		t.Fatal(err)
	}
	for imported := range strings.Lines(string(output)) {
		for _, heavy := range []string{"k8s.io/client-go", "k8s.io/api/", "sigs.k8s.io/controller-runtime", "github.com/tencentcloud", "github.com/clbtask/clbtask-operator/internal"} {
			if strings.HasPrefix(imported, heavy) {
				t.Errorf("the types import %s", imported)
			}
		}
	}
}
