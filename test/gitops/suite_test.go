package gitops_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// root is the repository's, and assets the directory of what `make envtest` makes:
// kube-apiserver, etcd and kubectl.
const (
	root   = "../.."
	assets = root + "/bin/k8s/current"
)

var update = flag.Bool("update", false, "write what is compared otherwise: readings, dumps and quotes")

var (
	cluster    *rest.Config
	k8s        client.Client
	k8sScheme  = runtime.NewScheme()
	kubeconfig string // The administrator's file.
	kubectlBin string
)

func TestGitOps(t *testing.T) {
	RegisterFailHandler(Fail)
	// The API has to refuse a request for half a minute before that is believed.
	SetDefaultEventuallyTimeout(90 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "GitOps")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		path, err := filepath.Abs(assets)
		Expect(err).NotTo(HaveOccurred())
		Expect(path).To(BeADirectory(), "run `make envtest` first")
		Expect(os.Setenv("KUBEBUILDER_ASSETS", path)).To(Succeed())
	}
	kubectlBin = filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	Expect(kubectlBin).To(BeARegularFile())
	Expect(clientgoscheme.AddToScheme(k8sScheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(k8sScheme)).To(Succeed())

	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{root + "/config/crd/bases"},
		ErrorIfCRDPathMissing: true,
	}
	var err error
	cluster, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(environment.Stop)
	// Many waiters read at once here. The client's own limit would make some of them
	// fail with its error shortly before their time is over.
	cluster.QPS = -1
	k8s, err = client.New(cluster, client.Options{Scheme: k8sScheme})
	Expect(err).NotTo(HaveOccurred())
	kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, environment.KubeConfig, 0o600)).To(Succeed())
	holdStates(ctx)
}, NodeTimeout(5*time.Minute))
