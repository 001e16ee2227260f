package chart_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// build compiles the programs of the images once, by the names of their containers.
var build = sync.OnceValues(func() (map[string]string, error) {
	programs := map[string]string{}
	for name, of := range map[string]string{"manager": ".", "simulator": "./internal/clbsim/cmd/clbsim"} {
		programs[name] = filepath.Join(filepath.Dir(kubeconfig), name)
		if output, err := exec.Command("go", "-C", root, "build", "-o", programs[name], of).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, output)
		}
	}
	return programs, nil
})

// keys are the key pairs that the simulated cloud knows: the operator's and another.
var keys = []clbsim.Credential{{SecretID: "own-id", SecretKey: "own-key"}, {SecretID: "their-id", SecretKey: "their-key"}}

// run is a way to run the operator.
type run struct {
	helm      helm
	values    string
	secret    string // The operator's own.
	namespace string // That of the CLBTask.
	theirs    string // The Secret that the CLBTask names, if any.
	plain     bool   // Metrics are for everybody, since there is no ClusterRole.
}

// TestTheOperatorWorks runs the operator with the arguments, the environment and the
// ServiceAccount that the chart gives it, and lets it decide a task. One runs at a time,
// since each of those that watch all namespaces would do the others' work.
func TestTheOperatorWorks(t *testing.T) {
	removeCRD(t)
	createNamespace(t, "shop")
	ok(t, helm4{}.install(release{name: "crd", namespace: "crd", values: "replicaCount: 0"}))
	for sentence, test := range map[string]run{
		"it watches all namespaces by default": {
			helm: helm4{}, secret: "clbtask-operator-credentials", namespace: "default",
		},
		"it needs no right beyond the watched namespaces and the Secrets in them": {
			helm: helm3{}, values: "{watchNamespaces: [shop], perTaskCredentials: {enabled: true}, credentials: {source: secret, existingSecret: mine}}",
			secret: "mine", namespace: "shop", theirs: "theirs", plain: true,
		},
		"it runs alone and has its key from the environment": {
			helm: helm4{}, values: "{replicaCount: 1, leaderElection: {enabled: false}, credentials: {source: env}}",
			secret: "clbtask-operator-credentials", namespace: "default",
		},
	} {
		t.Run(sentence, func(t *testing.T) { test.decides(t, strings.Fields(sentence)[1]) })
	}
}

// TestTheSimulatorWorks runs what is in a pod with the simulator, without any Secret.
func TestTheSimulatorWorks(t *testing.T) {
	removeCRD(t)
	release := release{name: "try", namespace: "operator-try", values: fmt.Sprintf("{simulator: {enabled: true}, metrics: {port: %d}}", freePort(t))}
	ok(t, helm4{}.install(release))
	stop := start(t, release)
	for requestID, want := range map[string]v1alpha1.Phase{"sim-succeeds-1s": v1alpha1.PhaseSucceeded, "sim-fails-1s": v1alpha1.PhaseFailed} {
		task := createTask(t, "default", "", requestID)
		becomes(t, task, want)
		if !strings.HasPrefix(task.Status.APIRequestID, "simulated-") {
			t.Errorf("%s does not say that it is simulated: %+v", requestID, task.Status)
		}
		ok(t, k8s.Delete(t.Context(), task))
	}
	if log := stop(); !strings.Contains(log, "The API is a simulator") {
		t.Errorf("the log does not say it:\n%s", log)
	}
	ok(t, helm4{}.uninstall(release))
}

// becomes waits until a task has a phase.
func becomes(t *testing.T, task *v1alpha1.CLBTask, want v1alpha1.Phase) {
	t.Helper()
	eventually(t, fmt.Sprintf("the task is %s", want), func(ctx context.Context) error {
		err := k8s.Get(ctx, client.ObjectKeyFromObject(task), task)
		if err == nil && task.Status.Phase != want {
			return fmt.Errorf("it is %q: %+v", task.Status.Phase, task.Status.Conditions)
		}
		return err
	})
}

// decides installs a release of the name, runs its operator and waits for a verdict.
func (r run) decides(t *testing.T, name string) {
	cloud := clbsim.New(clbsim.Config{Credentials: keys})
	server := httptest.NewServer(cloud)
	defer server.Close()
	port := freePort(t)
	release := release{name: name, namespace: "operator-" + name, values: fmt.Sprintf(`
crds: {enabled: false}
metrics: {port: %d, secure: %t}
extraArgs: [--clb-endpoint=%s]
`, port, !r.plain, server.URL)}
	release.values = merged(t, release.values, r.values)
	ok(t, r.helm.install(release))
	defer func() { ok(t, r.helm.uninstall(release)) }()
	createSecret(t, release.namespace, r.secret, keys[0])
	want := keys[0].SecretID
	if r.theirs != "" {
		createSecret(t, r.namespace, r.theirs, keys[1])
		want = keys[1].SecretID
	}
	task := createTask(t, r.namespace, r.theirs, name)
	cloud.AddTask(clbsim.Task{ID: name, FromFirstPoll: true, Duration: time.Second})

	stop := start(t, release)
	becomes(t, task, v1alpha1.PhaseSucceeded)
	if calls := cloud.Stats().Accounts[want].Arrivals; calls == 0 {
		t.Errorf("no call was signed with %s", want)
	}
	r.metrics(t, release, port)
	log := stop()
	if strings.Contains(log, "forbidden") {
		t.Errorf("it lacks a right:\n%s", log)
	}
	ok(t, k8s.Delete(t.Context(), task))
}

// metrics reads the metrics, with a token of the operator itself. That it may not read
// them is what only an operator that may ask the API server can say.
func (r run) metrics(t *testing.T, release release, port int) {
	t.Helper()
	url, want := fmt.Sprintf("https://127.0.0.1:%d/metrics", port), http.StatusForbidden
	if r.plain {
		url, want = strings.Replace(url, "https", "http", 1), http.StatusOK
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	ok(t, err)
	request.Header.Set("Authorization", "Bearer "+token(t, release.namespace, podOf(t, release).ServiceAccountName))
	reader := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // It is self-signed.
	response, err := reader.Do(request)
	ok(t, err)
	ok(t, response.Body.Close())
	if response.StatusCode != want {
		t.Errorf("the metrics answer %s, want %d", response.Status, want)
	}
}

// podOf returns what the pods of a release are to be.
func podOf(t *testing.T, r release) corev1.PodSpec {
	t.Helper()
	var deployments appsv1.DeploymentList
	ok(t, k8s.List(t.Context(), &deployments, client.InNamespace(r.namespace)))
	if len(deployments.Items) != 1 {
		t.Fatalf("there are %d Deployments", len(deployments.Items))
	}
	return deployments.Items[0].Spec.Template.Spec
}

// start runs the containers of a pod of a release. The returned function stops them and
// returns the operator's log.
func start(t *testing.T, r release) (stop func() string) {
	t.Helper()
	pod := podOf(t, r)
	var stops []func() string
	for _, container := range pod.Containers {
		// What a pod has and a process does not: its token, and a port 8081 of its own.
		var more []string
		if container.Name == "manager" {
			more = []string{"--kubeconfig=" + kubeconfigOf(t, r.namespace, pod.ServiceAccountName), "--health-probe-bind-address=0"}
		}
		stops = append(stops, startContainer(t, r, container, more))
	}
	return func() string {
		logs := []string{}
		for _, stop := range stops {
			logs = append(logs, stop())
		}
		return logs[0]
	}
}

// startContainer runs the program of a container.
func startContainer(t *testing.T, r release, container corev1.Container, more []string) (stop func() string) {
	t.Helper()
	programs, err := build()
	ok(t, err)
	process := exec.Command(programs[container.Name], slices.Concat(container.Args, more)...)
	process.Env = environment(t, r.namespace, container.Env)
	var log bytes.Buffer
	process.Stdout, process.Stderr = &log, &log
	ok(t, process.Start())
	stop = sync.OnceValue(func() string {
		err := errors.Join(process.Process.Signal(syscall.SIGTERM), process.Wait())
		if err != nil || t.Failed() {
			t.Errorf("the %s ended: %v\n%s", container.Name, err, &log)
		}
		return log.String()
	})
	t.Cleanup(func() { stop() })
	return stop
}

// environment resolves the variables of a container as the kubelet does.
func environment(t *testing.T, namespace string, variables []corev1.EnvVar) []string {
	t.Helper()
	resolved := []string{}
	for _, variable := range variables {
		if variable.ValueFrom == nil {
			resolved = append(resolved, variable.Name+"="+variable.Value)
			continue
		}
		reference := variable.ValueFrom.SecretKeyRef
		var secret corev1.Secret
		ok(t, k8s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: reference.Name}, &secret))
		if value, has := secret.Data[reference.Key]; has {
			resolved = append(resolved, variable.Name+"="+string(value))
		} else if reference.Optional == nil || !*reference.Optional {
			t.Fatalf("the Secret %s has no %s", reference.Name, reference.Key)
		}
	}
	return resolved
}

// token returns a token of a ServiceAccount.
func token(t *testing.T, namespace, account string) string {
	t.Helper()
	token, err := cluster.Token(t.Context(), namespace, account)
	ok(t, err)
	return token
}

// kubeconfigOf writes a kubeconfig of a ServiceAccount, and returns its path.
func kubeconfigOf(t *testing.T, namespace, account string) string {
	t.Helper()
	written := clientcmdapi.NewConfig()
	written.Clusters["c"] = &clientcmdapi.Cluster{Server: cluster.Config.Host, CertificateAuthorityData: cluster.Config.CAData}
	written.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token(t, namespace, account)}
	written.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: namespace}
	written.CurrentContext = "c"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	ok(t, clientcmd.WriteToFile(*written, file))
	return file
}

func createSecret(t *testing.T, namespace, name string, key clbsim.Credential) {
	t.Helper()
	ok(t, k8s.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		StringData: map[string]string{"secretId": key.SecretID, "secretKey": key.SecretKey},
	}))
}

// freePort returns a port that nobody listens on now.
func freePort(t *testing.T) int {
	t.Helper()
	address, err := realenv.FreeAddress()
	ok(t, err)
	return int(netip.MustParseAddrPort(address).Port())
}

// merged merges two texts of YAML; their keys differ.
func merged(t *testing.T, texts ...string) string {
	t.Helper()
	all := map[string]any{}
	for _, text := range texts {
		ok(t, yaml.Unmarshal([]byte(text), &all))
	}
	text, err := yaml.Marshal(all)
	ok(t, err)
	return string(text)
}
