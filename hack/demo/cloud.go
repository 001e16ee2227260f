package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	installed   = "config/default"
	samplesFile = "config/samples/clb_v1alpha1_clbtask.yaml"
)

// sample is a CLBTask of samplesFile.
type sample struct {
	name   string
	phase  v1alpha1.Phase // The expected one.
	reason string         // The expected one, of the condition Ready.
	task   clbsim.Task    // In the cloud; without an ID if the cloud does not know it.
}

var samples = []sample{
	{"create-web-lb", v1alpha1.PhaseSucceeded, v1alpha1.ReasonTaskSucceeded, clbsim.Task{
		ID: "55c85074-3e7f-4c6d-864f-673660d4f8de", Region: "ap-guangzhou", Duration: 4 * time.Second, LoadBalancerIDs: []string{"lb-6efswuxa"},
	}},
	{"bind-backends", v1alpha1.PhaseFailed, v1alpha1.ReasonTaskFailed, clbsim.Task{
		ID: "0b9f6f5e-7d51-4c58-9a0e-3c1b8a4d2e61", Region: "ap-guangzhou", Duration: 3 * time.Second,
		Result: clbsim.Failed, Message: "The backend ins-5f2k8p1c is not in the VPC of the load balancer.",
	}},
	{"finance-listener", v1alpha1.PhaseSucceeded, v1alpha1.ReasonTaskSucceeded, clbsim.Task{
		ID: "7f0c2d9a-52c1-4f0b-8f6d-1f7f5f0f9b3c", Region: "ap-shanghai-fsi", Duration: 6 * time.Second,
	}},
	// It becomes Unknown after some two minutes: longer than a demo should take.
	{"mistyped-request", v1alpha1.PhasePending, v1alpha1.ReasonTaskNotFound, clbsim.Task{}},
}

// spares are the tasks of more.yaml and of `make recording`, in a demo that is kept.
var spares = []clbsim.Task{
	{ID: "demo-succeeds-10s", Duration: 10 * time.Second, LoadBalancerIDs: []string{"lb-5b2k9t0e"}},
	{ID: "demo-fails-10s", Duration: 10 * time.Second, Result: clbsim.Failed, Message: "The listener port 443 is in use."},
	{ID: "demo-never-ends", Result: clbsim.Stuck},
	{ID: "8c1f0e7a-5d3b-4b6e-9a43-d0b8a2f7c915", Duration: 6 * time.Second, LoadBalancerIDs: []string{"lb-6efswuxa"}},
}

const readyReason = `.status.conditions[?(@.type=="Ready")].reason`

// waitFor is what kubectl waits for.
func (s sample) waitFor() string {
	if s.phase.Final() {
		return "condition=" + string(s.phase)
	}
	return "'jsonpath={" + readyReason + "}=" + s.reason + "'"
}

// newCloud returns the simulated CLB API, and its only credential.
func newCloud() (*clbsim.Simulator, clbsim.Credential) {
	credential := clbsim.Credential{SecretID: "AKID" + rand.Text(), SecretKey: rand.Text()}
	sky := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{credential}, RoundTrip: 20 * time.Millisecond})
	tasks := slices.Clone(spares)
	for _, s := range samples {
		tasks = append(tasks, s.task)
	}
	for _, task := range tasks {
		if task.ID != "" {
			task.FromFirstPoll = true // However late it is polled, it is seen to run.
			sky.AddTask(task)
		}
	}
	return sky, credential
}

// check returns the first difference from the expected results, or nil. Of all calls
// that the cloud counted, ours bore a right signature.
func check(tasks []v1alpha1.CLBTask, all int, ours clbsim.AccountStats) error {
	for _, s := range samples {
		i := slices.IndexFunc(tasks, func(task v1alpha1.CLBTask) bool { return task.Name == s.name })
		if i < 0 {
			return fmt.Errorf("the CLBTask %s is gone", s.name)
		}
		if err := s.check(tasks[i].Status); err != nil {
			return fmt.Errorf("the CLBTask %s: %w", s.name, err)
		}
	}
	if ours.Throttled > 0 || ours.Arrivals == 0 || ours.Arrivals != all {
		return fmt.Errorf("the cloud counted %d calls, %d of the operator, and throttled %d", all, ours.Arrivals, ours.Throttled)
	}
	return nil
}

func (s sample) check(status v1alpha1.CLBTaskStatus) error {
	type result struct {
		phase                          v1alpha1.Phase
		reason, message, loadBalancers string
		complete                       bool
	}
	ready := cmp.Or(meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady), &metav1.Condition{})
	got := result{status.Phase, ready.Reason, status.Message, strings.Join(status.LoadBalancerIDs, " "), status.CompletionTime != nil}
	want := result{s.phase, s.reason, s.task.Message, strings.Join(s.task.LoadBalancerIDs, " "), s.phase.Final()}
	if got != want {
		return fmt.Errorf("the status has %+v instead of %+v", got, want)
	}
	return nil
}
