package command

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

func init() { klog.SetLogger(logr.Discard()) }

// bubble is a cluster in memory, in virtual time, without an operator: the test writes what
// an operator would.
type bubble struct {
	*testing.T

	cluster *testenv.Cluster
	client  client.WithWatch
}

// inBubble runs a test in a bubble.
func inBubble(t *testing.T, test func(b *bubble)) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("TENCENTCLOUD_REGION", "")
	t.Setenv("HOME", t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		test(&bubble{t, cluster, cluster.Client()})
	})
}

// run runs the plugin in the namespace ns.
func (b *bubble) run(ctx context.Context, stdin string, args ...string) (code exit.Code, stdout, stderr string) {
	b.Helper()
	var out, complaints bytes.Buffer
	config := genericclioptions.NewConfigFlags(false).WithWrapConfigFn(func(*rest.Config) *rest.Config { return b.cluster.Config() })
	p := &plugin{genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &complaints}, config}
	code = run(ctx, p, append([]string{"--server=http://cluster.invalid", "--namespace=ns"}, args...))
	return code, out.String(), complaints.String()
}

// make creates a task, as users do.
func (b *bubble) make(name string, changes ...func(*v1alpha1.CLBTask)) {
	b.Helper()
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-" + name, Region: "ap-guangzhou"},
	}
	for _, change := range changes {
		change(task)
	}
	if err := b.client.Create(b.Context(), task); err != nil {
		b.Fatal(err)
	}
}

func ofOrder(name string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.RequestID, task.Spec.DealName = "", name }
}

func suspended(task *v1alpha1.CLBTask) { task.Spec.Suspend = true }

// change changes a task at some time after the call; a nil change deletes it.
func (b *bubble) change(after time.Duration, name string, change func(*v1alpha1.CLBTask)) {
	time.AfterFunc(after, func() {
		ctx, task := context.WithoutCancel(b.Context()), new(v1alpha1.CLBTask)
		err := b.client.Get(ctx, types.NamespacedName{Namespace: "ns", Name: name}, task)
		switch {
		case err != nil:
		case change == nil:
			err = b.client.Delete(ctx, task)
		default:
			suspend := task.Spec.Suspend
			change(task)
			if task.Spec.Suspend != suspend {
				err = b.client.Update(ctx, task)
			} else {
				err = b.client.Status().Update(ctx, task)
			}
		}
		if err != nil {
			b.Errorf("change %s: %v", name, err)
		}
	})
}

// stands writes how a task stands, as an operator does.
func stands(phase v1alpha1.Phase, reason, message string, loadBalancers ...string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) {
		now := metav1.NewTime(time.Now())
		task.Status = v1alpha1.CLBTaskStatus{
			Phase: phase, ObservedGeneration: 1, LoadBalancerIDs: loadBalancers, StartTime: &now,
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: now}},
		}
		if phase.Final() {
			task.Status.CompletionTime = &now
		}
	}
}

var (
	running   = stands(v1alpha1.PhaseRunning, v1alpha1.ReasonInProgress, "The task is in progress.")
	succeeded = stands(v1alpha1.PhaseSucceeded, v1alpha1.ReasonTaskSucceeded, "The task succeeded.", "lb-1", "lb-2")
	failed    = stands(v1alpha1.PhaseFailed, v1alpha1.ReasonTaskFailed, "The task failed: No room\nfor more.")
	unknown   = stands(v1alpha1.PhaseUnknown, v1alpha1.ReasonTaskNotFound, "The CLB API does not know it.")
)

// refuse answers requests of some kind by an error.
func (b *bubble) refuse(err error, of func(*http.Request) bool) {
	b.cluster.SetFault(func(request *http.Request) error {
		if of(request) {
			return err
		}
		return nil
	})
}

func isWatch(request *http.Request) bool { return request.URL.Query().Get("watch") != "" }
