package argocd_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// root is the repository's, and assets where `make envtest` puts kube-apiserver,
// etcd and kubectl.
const (
	root   = "../../.."
	assets = root + "/bin/k8s/current"
)

var update = flag.Bool("update", false, "write what is compared otherwise: the table and health_test.yaml")

var (
	cluster    *rest.Config
	k8s        client.Client
	kubeconfig string // The file of the administrator's.
)

func TestArgoCD(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Argo CD")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		path, err := filepath.Abs(assets)
		Expect(err).NotTo(HaveOccurred())
		Expect(path).To(BeADirectory(), "run `make envtest` first")
		Expect(os.Setenv("KUBEBUILDER_ASSETS", path)).To(Succeed())
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{root + "/config/crd/bases"},
		ErrorIfCRDPathMissing: true,
	}
	var err error
	cluster, err = environment.Start()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(environment.Stop)
	k8s, err = client.New(cluster, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, environment.KubeConfig, 0o600)).To(Succeed())
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}})).To(Succeed())
}, NodeTimeout(3*time.Minute))

// kubectl runs the real one. Of the user's it neither reads nor writes anything.
func kubectl(ctx context.Context, args ...string) {
	GinkgoHelper()
	process := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	process.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+kubeconfig+".cache", "KUBERC=off")
	out, err := process.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), fmt.Sprintf("kubectl %s: %s", strings.Join(args, " "), out))
}

// moduleDir returns where a module that go.mod requires is.
func moduleDir(ctx context.Context, path string) string {
	GinkgoHelper()
	var complaint bytes.Buffer
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path)
	list.Stderr = &complaint
	out, err := list.Output()
	Expect(err).NotTo(HaveOccurred(), complaint.String())
	return strings.TrimSpace(string(out))
}
