package controllers_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// assets is where `make envtest` puts kube-apiserver and etcd.
const assets = "../bin/k8s/current"

var (
	cluster   *rest.Config
	k8s       client.WithWatch
	k8sScheme = runtime.NewScheme()
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		path, err := filepath.Abs(assets)
		Expect(err).NotTo(HaveOccurred())
		Expect(path).To(BeADirectory(), "run `make envtest` first")
		Expect(os.Setenv("KUBEBUILDER_ASSETS", path)).To(Succeed())
	}
	Expect(clientgoscheme.AddToScheme(k8sScheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(k8sScheme)).To(Succeed())
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{"../config/crd/bases"},
		ErrorIfCRDPathMissing: true,
	}
	var err error
	cluster, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(environment.Stop)
	k8s, err = client.NewWithWatch(cluster, client.Options{Scheme: k8sScheme})
	Expect(err).NotTo(HaveOccurred())
})
