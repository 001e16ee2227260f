package gitops_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// root is the repository's.
const root = "../.."

var update = flag.Bool("update", false, "write what is compared otherwise: readings, dumps and quotes")

var (
	cluster    *realenv.Cluster
	k8s        client.Client
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
	var err error
	cluster, err = realenv.Start(root)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	k8s, kubectlBin = cluster.Client, filepath.Join(cluster.Assets, "kubectl")
	kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(kubeconfig, cluster.Kubeconfig, 0o600)).To(Succeed())
	holdStates(ctx)
}, NodeTimeout(5*time.Minute))
