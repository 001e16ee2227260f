package main

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	type outcome struct {
		tasks map[string]*v1alpha1.CLBTaskStatus
		total int
		stats clbsim.AccountStats
	}
	tests := map[string]struct {
		spoil func(*outcome)
		want  string // Part of the error; "" for none.
	}{
		"all is as it should be":      {func(*outcome) {}, ""},
		"a task is gone":              {func(o *outcome) { delete(o.tasks, "create-web-lb") }, "create-web-lb is gone"},
		"a task is still running":     {func(o *outcome) { o.tasks["bind-backends"].Phase = v1alpha1.PhaseRunning }, "bind-backends: the phase is Running instead of Failed"},
		"a failure reads as success":  {func(o *outcome) { o.tasks["bind-backends"].Phase = v1alpha1.PhaseSucceeded }, "is Succeeded instead of Failed"},
		"an end without a time":       {func(o *outcome) { o.tasks["bind-backends"].CompletionTime = nil }, "bind-backends: the completionTime is"},
		"a time without an end":       {func(o *outcome) { o.tasks["mistyped-request"].CompletionTime = new(metav1.Now()) }, "mistyped-request: the completionTime is 20"},
		"a problem is not shown":      {func(o *outcome) { o.tasks["mistyped-request"].Conditions[0].Reason = "Pending" }, "without the reason TaskNotFound"},
		"a condition is missing":      {func(o *outcome) { o.tasks["create-web-lb"].Conditions = nil }, "create-web-lb: the condition Ready is"},
		"a load balancer is missing":  {func(o *outcome) { o.tasks["create-web-lb"].LoadBalancerIDs = nil }, `[] instead of ["lb-6efswuxa"]`},
		"a load balancer too many":    {func(o *outcome) { o.tasks["finance-listener"].LoadBalancerIDs = []string{"lb-1"} }, "finance-listener: the loadBalancerIds"},
		"the cloud's message is lost": {func(o *outcome) { o.tasks["bind-backends"].Message = "It failed." }, "without the cloud's"},
		"a call was throttled":        {func(o *outcome) { o.stats.Throttled = 1 }, "throttled 1 calls"},
		"a call was badly signed":     {func(o *outcome) { o.total++ }, "40 of 41 calls"},
		"there were no calls":         {func(o *outcome) { o.total, o.stats.Arrivals = 0, 0 }, "0 of 0 calls"},
	}
	samples, err := readSamples(samplesHere)
	if err != nil {
		t.Fatal(err)
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			o := outcome{map[string]*v1alpha1.CLBTaskStatus{}, 40, clbsim.AccountStats{Arrivals: 40, Peak: 10}}
			for _, s := range samples {
				o.tasks[s.name] = &v1alpha1.CLBTaskStatus{
					Phase: s.phase, Message: s.message, LoadBalancerIDs: s.loadBalancers,
					Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: s.reason}},
				}
				if s.phase.Final() {
					o.tasks[s.name].CompletionTime = new(metav1.Now())
				}
			}
			test.spoil(&o)
			var tasks []v1alpha1.CLBTask
			for name, status := range o.tasks {
				tasks = append(tasks, v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: *status})
			}
			err := check(samples, tasks, o.total, o.stats)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("the error is %v, want one with %q", err, test.want)
			}
		})
	}
}
