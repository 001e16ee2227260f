package gitops_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// tccli is a stand-in for Tencent Cloud's command line tool. It prints an answer as
// the real one does: indented, and without the outer "Response".
const tccli = `#!/bin/sh
test "$1 $2" = "clb CreateLoadBalancer" || { echo "unexpected: $*" >&2; exit 2; }
test -z "$TCCLI_REFUSES" || { echo "[TencentCloudSDKException] code:LimitExceeded" >&2; exit 255; }
cat <<EOF
{
    "DealName": null,
    "LoadBalancerIds": [
        "lb-9xk2m4ub"
    ],
    "RequestId": "%s"
}
EOF
`

var _ = Describe("The guide for plain CI", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) {
		w = newWorld(ctx, "ci-")
		w.run(realenv.Simulated)
	})

	It("ends with 0 and the load balancer when the request has succeeded", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, FromFirstPoll: true, Duration: 2 * time.Second, LoadBalancerIDs: []string{"lb-9xk2m4ub"}})
		code, out, complaint := w.createLB(ctx, "60")
		Expect(code).To(BeZero(), complaint)
		Expect(out).To(HaveSuffix("created\nlb-9xk2m4ub\n"))
		Expect(complaint).To(ContainSubstring("request "+requestID), "the request is lost where kubectl fails")
	})

	It("ends with 1 and the cloud's reason when it has failed", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, Result: clbsim.Failed, Message: "The quota of load balancers is used up.", FromFirstPoll: true, Duration: time.Second})
		code, _, complaint := w.createLB(ctx, "60")
		Expect(code).To(Equal(1))
		Expect(complaint).To(ContainSubstring("The quota of load balancers is used up"))
	})

	It("makes no object when the cloud refuses the call itself", func(ctx SpecContext) {
		code, _, complaint := w.createLB(ctx, "60", "TCCLI_REFUSES=1")
		Expect(code).NotTo(BeZero())
		Expect(complaint).To(ContainSubstring("LimitExceeded"))
		Expect(w.phases(ctx)).To(BeEmpty())
	})

	It("ends with an error when the time is over", func(ctx SpecContext) {
		w.sim.AddTask(clbsim.Task{ID: requestID, Result: clbsim.Stuck})
		code, _, complaint := w.createLB(ctx, "2")
		Expect(code).NotTo(BeZero())
		Expect(complaint).To(ContainSubstring("timed out"))
	})
})

// createLB runs the guide's script with the stand-in for tccli and the real kubectl
// on its PATH.
func (w *world) createLB(ctx context.Context, seconds string, env ...string) (code int, out, complaint string) {
	GinkgoHelper()
	_, err := exec.LookPath("jq")
	Expect(err).NotTo(HaveOccurred(), "the guide's script needs jq")
	bin := GinkgoT().TempDir()
	Expect(os.WriteFile(filepath.Join(bin, "tccli"), fmt.Appendf(nil, tccli, requestID), 0o755)).To(Succeed())
	Expect(os.Symlink(kubectlBin, filepath.Join(bin, "kubectl"))).To(Succeed())
	config := filepath.Join(bin, "kubeconfig")
	Expect(clientcmd.WriteToFile(w.jobKubeconfig(ctx), config)).To(Succeed())

	script := exec.CommandContext(ctx, guides+"/ci/create-lb.sh")
	script.Env = append(kubectlEnv(), "KUBECONFIG="+config, "PATH="+bin+":"+os.Getenv("PATH"), "REGION="+region, "TIMEOUT_SECONDS="+seconds)
	script.Env = append(script.Env, env...)
	var stdout, stderr bytes.Buffer
	script.Stdout, script.Stderr = &stdout, &stderr
	err = script.Run()
	var exit *exec.ExitError
	if err != nil {
		Expect(errors.As(err, &exit)).To(BeTrue(), fmt.Sprint(err))
	}
	return script.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// jobKubeconfig is that of a pipeline: it has a namespace, and a user that has the
// permissions there that the guide names.
func (w *world) jobKubeconfig(ctx context.Context) clientcmdapi.Config {
	GinkgoHelper()
	const job = "ci-job"
	Expect(k8s.Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: job},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"clbtasks"}, Verbs: []string{"create", "get"}}},
	})).To(Succeed())
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: job},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: job},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: job}},
	})).To(Succeed())
	config, err := clientcmd.LoadFromFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	current := config.Contexts[config.CurrentContext]
	current.Namespace = w.namespace
	config.AuthInfos[current.AuthInfo].Impersonate = job
	return *config
}
