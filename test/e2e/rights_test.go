package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// Without any right the operator is not ready, says why in the format of its own log, and
// ends when it is told to.
func TestWithoutRights(t *testing.T) {
	g := NewWithT(t)
	sky := realenv.StartCloud(clbsim.Config{Credentials: []clbsim.Credential{key("some")}})
	defer sky.Close()
	kubeconfig, err := cluster.KubeconfigOf("nobody")
	g.Expect(err).NotTo(HaveOccurred())
	r := start(t, sky, kubeconfig, key("some"))
	soon(g, r.text).Should(ContainSubstring("clbtasks.clb.tencentcloud.com is forbidden")) // So says client-go.
	g.Expect(r.readiness()).To(ContainSubstring("clbtasks-cached failed"))
	begun := time.Now()
	g.Expect(r.process.Process.Signal(syscall.SIGTERM)).To(Succeed())
	g.Expect(r.process.Wait()).To(Succeed(), r.text)
	g.Expect(time.Since(begun)).To(BeNumerically("<", 3*time.Second))
	for line := range strings.Lines(string(r.log.Contents())) {
		g.Expect(json.Valid([]byte(line))).To(BeTrue(), line)
	}
}
