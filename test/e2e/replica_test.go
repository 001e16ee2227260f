package e2e

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// Of all tests of this package.
var (
	manager string // The program.
	cluster *realenv.Cluster
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "32") // They wait for leases and polls; they do not work.
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "e2e-")
		if err != nil {
			log.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		manager = filepath.Join(dir, "manager")
		if output, err := exec.Command("go", "build", "-o", manager, "../..").CombinedOutput(); err != nil {
			log.Fatalf("%v: %s", err, output)
		}
		if cluster, err = realenv.Start("../.."); err != nil {
			log.Fatal(err)
		}
		defer func() { _ = cluster.Stop() }()
		return m.Run()
	}())
}

// replica is a process of the operator, whose calls have a key of its own.
type replica struct {
	key     clbsim.Credential
	process *exec.Cmd
	probes  string         // Its address.
	log     *gbytes.Buffer // It may be read meanwhile.
}

func key(name string) clbsim.Credential {
	return clbsim.Credential{SecretID: "id-" + name, SecretKey: "key-" + name}
}

// start starts a replica with the rights of a kubeconfig, and with a key unless that is
// empty. It ends with the test, which shows its log if it fails.
func start(t *testing.T, sky realenv.Cloud, kubeconfig []byte, key clbsim.Credential, flags ...string) *replica {
	t.Helper()
	return startProgram(t, manager, sky, kubeconfig, key, flags...)
}

// startProgram is start for another version of the program.
func startProgram(t *testing.T, program string, sky realenv.Cloud, kubeconfig []byte, key clbsim.Credential, flags ...string) *replica {
	t.Helper()
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(file, kubeconfig, 0o600)).To(Succeed())
	r := &replica{key: key, probes: freeAddress(t), log: gbytes.NewBuffer()}
	flags = append([]string{"--kubeconfig=" + file, "--clb-endpoint=" + sky.URL, "--metrics-bind-address=0", "--health-probe-bind-address=" + r.probes}, flags...)
	r.process = exec.CommandContext(t.Context(), program, flags...)
	r.process.Env = []string{"TENCENTCLOUD_SECRET_ID=" + key.SecretID, "TENCENTCLOUD_SECRET_KEY=" + key.SecretKey}
	r.process.Stdout, r.process.Stderr = r.log, r.log
	g.Expect(r.process.Start()).To(Succeed())
	t.Cleanup(func() {
		_, _ = r.process.Process.Kill(), r.process.Wait() // It may have ended by itself.
		if t.Failed() {
			t.Log(r.text())
		}
	})
	return r
}

// freeAddress returns an address on this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := realenv.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// readiness returns what its readiness says: "ok", or what is not.
func (r *replica) readiness() string {
	response, err := http.Get("http://" + r.probes + "/readyz")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

// follow creates a CLBTask whose request never ends.
func follow(t *testing.T, sky realenv.Cloud, namespace, id string) {
	t.Helper()
	sky.AddTask(clbsim.Task{ID: id, Result: clbsim.Stuck})
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: "ap-guangzhou"},
	}
	if err := cluster.Client.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Client.Delete(context.Background(), task) })
}

// calls returns how many calls have come with the key of a replica.
func (r *replica) calls(sky realenv.Cloud) func() int {
	return func() int { return sky.Stats().Accounts[r.key.SecretID].Arrivals }
}

// soon polls for at most three minutes: many operators run beside each other.
func soon(g *WithT, what any) AsyncAssertion {
	return g.Eventually(what).WithTimeout(3 * time.Minute).WithPolling(10 * time.Millisecond)
}

var beSome = BeNumerically(">", 0)

func (r *replica) text() string { return fmt.Sprint(r.process.Args, string(r.log.Contents())) }
