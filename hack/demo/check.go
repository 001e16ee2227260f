package main

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// check returns the first difference between what should have come of the
// samples and what did, or nil.
func check(samples []sample, tasks []v1alpha1.CLBTask, total int, verified clbsim.AccountStats) error {
	for _, s := range samples {
		i := slices.IndexFunc(tasks, func(task v1alpha1.CLBTask) bool { return task.Name == s.name })
		if i < 0 {
			return fmt.Errorf("the CLBTask %s is gone", s.name)
		}
		if err := checkTask(s, tasks[i].Status); err != nil {
			return fmt.Errorf("the CLBTask %s: %w", s.name, err)
		}
	}
	switch {
	case verified.Throttled != 0:
		return fmt.Errorf("the cloud throttled %d calls", verified.Throttled)
	case verified.Arrivals == 0 || verified.Arrivals != total:
		return fmt.Errorf("the cloud took %d of %d calls for the operator's", verified.Arrivals, total)
	}
	return nil
}

func checkTask(s sample, status v1alpha1.CLBTaskStatus) error {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	switch {
	case status.Phase != s.phase:
		return fmt.Errorf("the phase is %s instead of %s", status.Phase, s.phase)
	case ready == nil || ready.Reason != s.reason:
		return fmt.Errorf("the condition Ready is %+v, without the reason %s", ready, s.reason)
	case s.phase.Final() != (status.CompletionTime != nil):
		return fmt.Errorf("the completionTime is %v", status.CompletionTime)
	case !slices.Equal(status.LoadBalancerIDs, s.loadBalancers):
		return fmt.Errorf("the loadBalancerIds are %q instead of %q", status.LoadBalancerIDs, s.loadBalancers)
	case !strings.Contains(status.Message, s.message):
		return fmt.Errorf("the message is %q, without the cloud's %q", status.Message, s.message)
	}
	return nil
}
