package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	type clbTask = v1alpha1.CLBTask
	type stats = clbsim.AccountStats
	tests := map[string]struct {
		of     string // The task that is changed.
		change func(*clbTask, *stats)
		want   string // Part of the error.
	}{
		"all is as it should be":      {"bind-backends", func(*clbTask, *stats) {}, "<nil>"},
		"a task is gone":              {"create-web-lb", func(t *clbTask, _ *stats) { t.Name = "another" }, "create-web-lb is gone"},
		"a task is still running":     {"bind-backends", func(t *clbTask, _ *stats) { t.Status.Phase = v1alpha1.PhaseRunning }, "bind-backends: the status has {phase:Running"},
		"a failure reads as success":  {"bind-backends", func(t *clbTask, _ *stats) { t.Status.Phase = v1alpha1.PhaseSucceeded }, "instead of {phase:Failed"},
		"an end without a time":       {"bind-backends", func(t *clbTask, _ *stats) { t.Status.CompletionTime = nil }, "complete:false} instead"},
		"a time without an end":       {"mistyped-request", func(t *clbTask, _ *stats) { t.Status.CompletionTime = new(metav1.Now()) }, "complete:true} instead"},
		"a problem is not shown":      {"mistyped-request", func(t *clbTask, _ *stats) { t.Status.Conditions[0].Reason = "Pending" }, "reason:Pending"},
		"a condition is missing":      {"create-web-lb", func(t *clbTask, _ *stats) { t.Status.Conditions = nil }, "reason: message:"},
		"a load balancer is missing":  {"create-web-lb", func(t *clbTask, _ *stats) { t.Status.LoadBalancerIDs = nil }, "loadBalancers: complete"},
		"a load balancer too many":    {"finance-listener", func(t *clbTask, _ *stats) { t.Status.LoadBalancerIDs = []string{"lb-1"} }, "loadBalancers:lb-1"},
		"the cloud's message is lost": {"bind-backends", func(t *clbTask, _ *stats) { t.Status.Message = "It failed." }, "message:It failed."},
		"a call was throttled":        {"bind-backends", func(_ *clbTask, ours *stats) { ours.Throttled = 1 }, "throttled 1"},
		"a call was badly signed":     {"bind-backends", func(_ *clbTask, ours *stats) { ours.Arrivals-- }, "40 calls, 39 of the operator"},
		"there were no calls":         {"bind-backends", func(_ *clbTask, ours *stats) { ours.Arrivals = 0 }, "40 calls, 0 of the operator"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			ours := stats{Arrivals: 40}
			var tasks []clbTask
			for _, s := range samples {
				task := clbTask{ObjectMeta: metav1.ObjectMeta{Name: s.name}, Status: v1alpha1.CLBTaskStatus{
					Phase: s.phase, Message: s.task.Message, LoadBalancerIDs: s.task.LoadBalancerIDs,
					Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: s.reason}},
				}}
				if s.phase.Final() {
					task.Status.CompletionTime = new(metav1.Now())
				}
				if s.name == test.of {
					test.change(&task, &ours)
				}
				tasks = append(tasks, task)
			}
			if err := check(tasks, 40, ours); !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestCloudKnowsTheTasksOfTheFilesAlone(t *testing.T) {
	t.Parallel()
	sky, credential := newCloud()
	if _, another := newCloud(); another.SecretID == credential.SecretID || another.SecretKey == credential.SecretKey {
		t.Error("two clouds have the same credential")
	}
	for file, names := range map[string][]string{
		"../../" + samplesFile: {"create-web-lb", "bind-backends", "finance-listener"},
		"more.yaml":            {"succeeds", "fails", "never-ends"},
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var known []string
		for document := range strings.SplitSeq(string(content), "---\n") {
			var task v1alpha1.CLBTask
			if err := yaml.Unmarshal([]byte(document), &task); err != nil {
				t.Fatal(err)
			}
			if in, ok := sky.Task(task.Spec.RequestID); ok && (in.Region == "" || in.Region == task.Spec.Region) {
				known = append(known, task.Name)
			}
		}
		if !slices.Equal(known, names) {
			t.Errorf("of %s, the cloud knows %q, want %q", file, known, names)
		}
	}
}

func TestWhatIsMissingIsReported(t *testing.T) {
	t.Chdir("../..")
	assets := t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl", "<nil>"} {
		if err := missing(assets, "main.go"); !strings.Contains(fmt.Sprint(err), name) {
			t.Errorf("the error is %v, want one with %q", err, name)
		}
		if err := os.WriteFile(filepath.Join(assets, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := missing(assets, "bin/none"); !strings.Contains(fmt.Sprint(err), "no bin/none: run `make demo`") {
		t.Errorf("without an operator: %v", err)
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	consequence := errors.New("kubectl: signal: interrupt")
	ctx, cancel := context.WithCancel(context.Background())
	if err := cause(ctx, consequence); exitCode(err) != 1 || !errors.Is(err, consequence) {
		t.Errorf("before the interrupt: %v", err)
	}
	cancel()
	if exitCode(cause(ctx, nil)) != 0 {
		t.Error("a success is an error")
	}
	if err := cause(ctx, consequence); exitCode(err) != 130 || exitCode(errors.Join(err, errors.New("and more"))) != 130 {
		t.Errorf("after the interrupt: %v", err)
	}
	running, end := context.WithCancelCause(context.Background())
	end(errors.New("the operator ended by itself"))
	if err := cause(running, context.Canceled); exitCode(err) != 1 {
		t.Errorf("the operator's end: %v", err)
	}
}
