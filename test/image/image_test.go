//go:build image

package image

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// keys are in the environment of both programs.
var keys = map[string]string{"TENCENTCLOUD_SECRET_ID": realenv.Simulated.ID, "TENCENTCLOUD_SECRET_KEY": realenv.Simulated.Key}

func TestImages(t *testing.T) {
	prepare(t)
	log.SetLogger(logr.Discard())
	t.Run("for another platform", func(t *testing.T) {
		b := newBuilder(t, other())
		b.build("simulator", "/clbsim")
		b.report(b.build("manager", "/manager"))
	})
	b := newBuilder(t, runtime.GOARCH)
	simulator, manager := b.build("simulator", "/clbsim"), b.build("manager", "/manager")
	b.report(manager)
	b.reachable()
	var said strings.Builder
	process := manager.command(t, "/manager", nil, nil, "--version")
	process.Stdout = &said
	err := start(t, process).process.Wait()
	if want := "clbtask-operator " + version + " (commit 41d29e7, "; err != nil || !strings.HasPrefix(said.String(), want) {
		t.Errorf("it says %q, %v, want %q", said.String(), err, want)
	}
	cloud, stop := simulator.simulate(t)
	manager.operate(t, cloud)
	stop()
}

func (b *builder) report(i image) {
	const mb = 1e6
	b.Logf("linux/%s: the program is %.1f MB, the image is %.1f MB when it is pulled", b.arch, float64(i.program)/mb, float64(i.compressed)/mb)
}

// A proxy of modules that is named for the build is the one that it calls.
func TestProxyOfModules(t *testing.T) {
	prepare(t)
	b := newBuilder(t, runtime.GOARCH)
	command := b.command(append(b.arguments("manager", "http://127.0.0.1:1"), root)...)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "http://127.0.0.1:1/") {
		t.Errorf("the build ends with %v:\n%s", err, out)
	}
}

// reachable lets user 65532 reach the images, which are in folders of this user's.
func (b *builder) reachable() {
	b.Helper()
	for dir := b.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		b.ok(os.Chmod(dir, 0o755))
	}
}

// simulate runs the simulator and returns its address.
func (i image) simulate(t *testing.T) (url string, stop func()) {
	t.Helper()
	process := i.command(t, "/clbsim", nil, keys, "--listen=127.0.0.1:0")
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, process)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.confined(t)
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), func() { s.stop(t) }
}

// operate runs the operator as config/default would, until it has decided a task.
func (i image) operate(t *testing.T, cloud string) {
	t.Helper()
	cluster, err := realenv.Start(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	deployment, kubeconfig := install(t, cluster)
	container := deployment.Spec.Template.Spec.Containers[0]
	environment := map[string]string{}
	for name, value := range keys {
		environment[name] = value
	}
	for _, variable := range container.Env {
		environment[variable.Name] = variable.Value
	}
	// What a pod has of its own: its token and its ports.
	probes := freeAddress(t)
	args := slices.Concat(container.Args, []string{"--kubeconfig=/kubeconfig", "--clb-endpoint=" + cloud, "--health-probe-bind-address=" + probes, "--metrics-bind-address=" + freeAddress(t)})
	s := start(t, i.command(t, "/manager", map[string]string{"/kubeconfig": kubeconfig}, environment, args...))
	eventually(t, "it is ready", func(context.Context) error { return ok(http.Get("http://" + probes + "/readyz")) })
	t.Logf("it is ready %.2f s after its start", time.Since(s.began).Seconds())
	s.confined(t)

	const id = "55c85074-3e7f-4c6d-864f-673660d4f8de"
	if err := ok(http.Post(cloud+"/simulator/tasks", "application/json", strings.NewReader(`{"requestId":"`+id+`","region":"ap-guangzhou"}`))); err != nil {
		t.Fatal(err)
	}
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "create-web-lb"},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: "ap-guangzhou"},
	}
	if err := cluster.Client.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the task has succeeded", func(ctx context.Context) error {
		err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(task), task)
		if err == nil && task.Status.Phase != v1alpha1.PhaseSucceeded {
			return fmt.Errorf("it is %q: %+v", task.Status.Phase, task.Status.Conditions)
		}
		return err
	})
	s.stop(t)
	if regexp.MustCompile("forbidden|read-only|permission denied").MatchString(s.log.String()) {
		t.Errorf("it lacks a right:\n%s", s.log)
	}
}

// install applies config/default. It returns its Deployment, and the path of a kubeconfig
// of its ServiceAccount.
func install(t *testing.T, cluster *realenv.Cluster) (deployment appsv1.Deployment, kubeconfig string) {
	t.Helper()
	dir := t.TempDir()
	admin := filepath.Join(dir, "admin")
	if err := os.WriteFile(admin, cluster.Kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	apply := exec.CommandContext(t.Context(), filepath.Join(cluster.Assets, "kubectl"), "--kubeconfig="+admin, "apply", "--server-side", "--force-conflicts", "-k", root+"/config/default")
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	key := client.ObjectKey{Namespace: "clbtask-system", Name: "clbtask-controller-manager"}
	if err := cluster.Client.Get(t.Context(), key, &deployment); err != nil {
		t.Fatal(err)
	}
	token, err := cluster.Token(t.Context(), key.Namespace, deployment.Spec.Template.Spec.ServiceAccountName)
	if err != nil {
		t.Fatal(err)
	}
	written := clientcmdapi.NewConfig()
	written.Clusters["c"] = &clientcmdapi.Cluster{Server: cluster.Config.Host, CertificateAuthorityData: cluster.Config.CAData}
	written.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	written.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: key.Namespace}
	written.CurrentContext = "c"
	kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*written, kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(kubeconfig, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	(&builder{T: t, dir: dir}).reachable()
	return deployment, kubeconfig
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

// ok returns an error unless the response is of success.
func ok(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the response is %s", response.Status)
	}
	return nil
}

// eventually tries until that succeeds.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v: %v", what, err, last)
	}
}
