package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

const (
	root = "../.."
	// asPlugin lets the program of the tests be the plugin, so that none has to be linked.
	asPlugin = "CLBTASK_TEST_IS_PLUGIN"
	prefix   = "clbtask.clb.tencentcloud.com/"
	line     = "tccli clb CreateListener --region ap-guangzhou | kubectl clbtask track - --region ap-guangzhou --wait"
)

// tccli is a stand-in for Tencent Cloud's command line tool, which prints what the test says.
const tccli = `#!/bin/sh
test -n "$TCCLI_PRINTS" || { echo "[TencentCloudSDKException] code:LimitExceeded" >&2; exit 255; }
printf '{\n    "ListenerIds": [\n        "lbl-1"\n    ],\n    "RequestId": "%s"\n}\n' "$TCCLI_PRINTS"
`

var (
	cluster *realenv.Cluster
	cloud   realenv.Cloud
	bin     string // The folder on the PATH of all commands.
)

func TestMain(m *testing.M) {
	if os.Getenv(asPlugin) != "" {
		main()
	}
	os.Exit(func() int {
		code, err := runTests(m)
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// runTests starts a cluster without the CRD, on which only TestNotInstalled runs its commands,
// then installs the CRD and an operator for the namespace default.
func runTests(m *testing.M) (code int, err error) {
	if bin, err = os.MkdirTemp("", "kubectl-clbtask-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(bin)) }()
	log.SetLogger(logr.Discard())
	if cluster, err = realenv.StartEmpty(root); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	program, err := os.Executable()
	if err != nil {
		return 1, err
	}
	kubectl, err := filepath.Abs(filepath.Join(cluster.Assets, "kubectl"))
	if err != nil {
		return 1, err
	}
	err = errors.Join(
		os.Symlink(program, filepath.Join(bin, "kubectl-clbtask")),
		os.Symlink(kubectl, filepath.Join(bin, "kubectl")),
		os.WriteFile(filepath.Join(bin, "tccli"), []byte(tccli), 0o700),
		os.WriteFile(filepath.Join(bin, "kubeconfig"), cluster.Kubeconfig, 0o600),
	)
	if err != nil {
		return 1, err
	}
	if _, _, notInstalled = sh("kubectl clbtask list"); notInstalled == "" {
		return 1, errors.New("without the CRD the plugin says nothing")
	}
	if _, err := envtest.InstallCRDs(cluster.Config, envtest.CRDInstallOptions{Paths: []string{root + "/config/crd/bases"}}); err != nil {
		return 1, err
	}
	// No operator watches it.
	if err := cluster.Client.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other"}}); err != nil {
		return 1, err
	}
	cloud = realenv.StartCloud(clbsim.Config{})
	defer cloud.Close()
	api, err := realenv.NewAPI(realenv.Simulated, 2*time.Second, cloud.URL)
	if err != nil {
		return 1, err
	}
	stop, err := cluster.Run(api, controllers.Options{Slots: 10, Namespaces: []string{"default"}}, nil)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return m.Run(), nil
}

// notInstalled is what the plugin said before the CRD was there.
var notInstalled string

// shell returns a command line of a shell that has the plugin, kubectl and tccli.
func shell(command string, env ...string) *exec.Cmd {
	process := exec.CommandContext(context.Background(), "sh", "-c", command)
	process.Env = append([]string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + bin, "KUBECONFIG=" + filepath.Join(bin, "kubeconfig"), "KUBERC=off", "TERM=xterm", asPlugin + "=1",
	}, env...)
	process.WaitDelay = 10 * time.Second
	return process
}

// sh runs a command line.
func sh(command string, env ...string) (code int, stdout, stderr string) {
	process := shell(command, env...)
	var out, complaints bytes.Buffer
	process.Stdout, process.Stderr = &out, &complaints
	err := process.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		return -1, "", err.Error()
	}
	return process.ProcessState.ExitCode(), out.String(), complaints.String()
}

func TestNotInstalled(t *testing.T) {
	if want := "error: the cluster does not know CLBTasks: install clbtask-operator"; !strings.HasPrefix(notInstalled, want) {
		t.Errorf("it says %q", notInstalled)
	}
}

// Each exit code, provoked by the line that the README has.
func TestLine(t *testing.T) {
	for sentence, test := range map[string]struct {
		task           clbsim.Task
		more           string
		code           int
		stdout, stderr string
	}{
		"0: the request succeeds":         {clbsim.Task{ID: "line-succeeds", Duration: 2 * time.Second, FromFirstPoll: true, LoadBalancerIDs: []string{"lb-1"}}, "", 0, prefix + "line-succeeds succeeded: lb-1\n", "line-succeeds: Running, InProgress"},
		"1: it fails":                     {clbsim.Task{ID: "line-fails", Result: clbsim.Failed, Message: "No room.", FromFirstPoll: true}, "", 1, prefix + "line-fails failed: The task failed: No room", "line-fails: Failed, TaskFailed"},
		"2: the cloud does not know it":   {clbsim.Task{ID: "line-unknown", Result: clbsim.Stuck}, " -n other", 2, prefix + "line-unknown unknown: The CLB API does not know it.\n", "line-unknown: Unknown, TaskNotFound"},
		"3: tccli fails, and prints none": {clbsim.Task{}, "", 3, "", "error: the command before the pipe printed nothing: did it fail?\n"},
		"3: the kubeconfig is not there":  {clbsim.Task{ID: "line-lost"}, " --kubeconfig=none", 3, "", "none"},
		"3: nobody listens":               {clbsim.Task{ID: "line-lost"}, " --server=https://127.0.0.1:1", 3, "", "connection refused"},
		"124: it takes too long":          {clbsim.Task{ID: "line-stuck", Result: clbsim.Stuck}, " --timeout=3s", 124, prefix + "line-stuck not finished: ", "timed out after 3s"},
		"124: there is no operator":       {clbsim.Task{ID: "line-nobody"}, " -n other --timeout=16s", 124, prefix + "line-nobody not finished: ", "[15s] line-nobody: No answer for it yet"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if test.task.ID != "" {
				cloud.AddTask(test.task)
			}
			if test.code == 2 {
				go reject(t, "other", test.task.ID)
			}
			code, stdout, stderr := sh(line+test.more, "TCCLI_PRINTS="+test.task.ID)
			if code != test.code || !strings.HasPrefix(stdout, test.stdout) || stdout != "" && test.stdout == "" || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

// reject writes the verdict Unknown, which an operator takes half a minute for.
func reject(t *testing.T, namespace, name string) {
	t.Helper()
	watched, err := cluster.Client.Watch(t.Context(), &v1alpha1.CLBTaskList{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
	if err != nil {
		t.Error(err)
		return
	}
	defer watched.Stop()
	for event := range watched.ResultChan() {
		task, ok := event.Object.(*v1alpha1.CLBTask)
		if !ok {
			t.Errorf("%+v", event)
			return
		}
		now := metav1.Now()
		task.Status = v1alpha1.CLBTaskStatus{Phase: v1alpha1.PhaseUnknown, ObservedGeneration: 1, CompletionTime: &now, Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonTaskNotFound, Message: "The CLB API does not know it.", LastTransitionTime: now,
		}}}
		err := cluster.Client.Status().Update(t.Context(), task)
		if apierrors.IsConflict(err) { // An operator has written: there is another event.
			continue
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
}

// 130: a signal, as Ctrl-C sends it to all that the shell runs.
func TestSignal(t *testing.T) {
	t.Parallel()
	cloud.AddTask(clbsim.Task{ID: "signal", Result: clbsim.Stuck})
	process := shell("exec kubectl clbtask track signal --region ap-guangzhou --wait")
	said := newScreen()
	process.Stderr = said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	said.await(t, "signal: Running")
	if err := process.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	if code := process.ProcessState.ExitCode(); code != 130 || !strings.Contains(said.String(), "interrupted; the operator goes on") {
		t.Errorf("exit code %d\n%s", code, said.String())
	}
}

// screen is what a program has written, of which a test can await a part.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) await(t *testing.T, part string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for !strings.Contains(s.String(), part) {
		select {
		case <-s.changed:
		case <-timeout:
			t.Fatalf("there is no %q in\n%s", part, s.String())
		}
	}
}
