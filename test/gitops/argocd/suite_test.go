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
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// root is the repository's.
const root = "../../.."

var (
	update     = flag.Bool("update", false, "write what is compared otherwise: the table and health_test.yaml")
	kubeconfig = flag.String("cluster", "", "the kubeconfig `file` of the cluster in which the module above holds its objects")
)

var (
	cluster *rest.Config
	k8s     client.Client
)

func TestArgoCD(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Argo CD")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter), zap.UseDevMode(true)))
	Expect(*kubeconfig).NotTo(BeEmpty(), "run `make test-gitops`: the module above brings the objects and the cluster")
	var err error
	cluster, err = clientcmd.BuildConfigFromFlags("", *kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	cluster.QPS = -1
	k8s, err = client.New(cluster, client.Options{})
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}})).To(Succeed())
}, NodeTimeout(3*time.Minute))

// kubectl runs the real one. Of the user's it neither reads nor writes anything.
func kubectl(ctx context.Context, args ...string) {
	GinkgoHelper()
	process := exec.CommandContext(ctx, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), args...)
	process.Env = append(os.Environ(), "KUBECONFIG="+*kubeconfig, "KUBECACHEDIR="+*kubeconfig+".cache", "KUBERC=off")
	out, err := process.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), fmt.Sprintf("kubectl %s: %s", strings.Join(args, " "), out))
}

// moduleDir returns the directory of a module that go.mod requires.
func moduleDir(ctx context.Context, path string) string {
	GinkgoHelper()
	var complaint bytes.Buffer
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path)
	list.Stderr = &complaint
	out, err := list.Output()
	Expect(err).NotTo(HaveOccurred(), complaint.String())
	return strings.TrimSpace(string(out))
}
