package controllers_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// gather returns the operator's own metrics by name.
func (b *bubble) gather() map[string]*dto.MetricFamily {
	b.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	own := map[string]*dto.MetricFamily{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "clbtask_") {
			own[family.GetName()] = family
		}
	}
	return own
}

// value adds up a metric over the labels that contain a text.
func value(family *dto.MetricFamily, label string) (sum float64) {
	for _, m := range family.GetMetric() {
		if label == "" || strings.Contains(m.String(), label) {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

func TestMetrics(t *testing.T) {
	inBubble(t, func(b *bubble) {
		before := b.gather()
		b.operate()
		b.cloud.add("ends", 20*time.Second)
		b.apply("ends")
		b.cloud.add("goes-on", -1)
		b.apply("goes-on")
		b.cloud.setFault(func(q clb.TaskQuery) *clb.Error {
			if q.TaskID == "odd" {
				return &clb.Error{Problem: clb.ProblemAPIUnavailable, Code: "Invented.ByAProxy"}
			}
			return nil
		})
		b.apply("odd")
		b.cloud.add("gwlb/gateway", -1)
		b.apply("gateway", ofGWLB)
		b.wait(time.Minute)
		after := b.gather()
		for _, test := range []struct {
			name, label string
			least, most float64
		}{
			{"clbtask_tracked_requests", `"Running"`, 2, 2},
			{"clbtask_tracked_requests", `"gwlb.example"`, 1, 1},
			{"clbtask_tracked_requests", `"Pending"`, 1, 1},
			{"clbtask_quota_slots", `"clb.example"`, 20, 20},
			{"clbtask_quota_slots", `"gwlb.example"`, 20, 20},
			{"clbtask_quota_slots_in_use", "", 0, 3},
			{"clbtask_quota_utilization_ratio", "", 0, 0.15},
			{"clbtask_overdue_seconds", "", 0, 1},
			{"clbtask_task_duration_seconds", "Succeeded", 1, 1},
			{"clbtask_detection_delay_bound_seconds", "", 1, 1},
			{"clbtask_tasks_finished_total", "TaskSucceeded", 1, 1},
			{"clbtask_poll_results_total", "succeeded", 1, 1},
			{"clbtask_api_calls_total", `"endpoint"`, 3, 200},
			{"clbtask_api_calls_total", `"Other"`, 3, 200},
			{"clbtask_api_calls_total", `"OK"`, 20, 200},
			{"clbtask_api_call_duration_seconds", "", 20, 300},
			{"clbtask_poll_queue_duration_seconds", "", 20, 300},
			{"clbtask_simulated", "clb.example", 0, 0},
		} {
			got := value(after[test.name], test.label)
			if test.least > 0 && !strings.Contains(test.name, "quota") && !strings.Contains(test.name, "tracked") {
				got -= value(before[test.name], test.label)
			}
			if after[test.name] == nil || got < test.least || got > test.most {
				b.Errorf("%s of %q is %v, want %v to %v", test.name, test.label, got, test.least, test.most)
			}
		}
		var all []*dto.MetricFamily
		for name, family := range after {
			all = append(all, family)
			if strings.Contains(family.String(), "Invented") {
				b.Errorf("%s has a code that nobody documents", name)
			}
		}
		problems, err := promlint.NewWithMetricFamilies(all).Lint()
		if err != nil || len(problems) > 0 {
			b.Errorf("promlint: %v, %v", problems, err)
		}
	})
}

// The label class has the values that alerts look for.
func TestClasses(t *testing.T) {
	rules, err := os.ReadFile("../config/monitoring/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]clb.Problem{
		"request": clb.ProblemTaskNotFound, "endpoint": clb.ProblemAPIUnreachable, "account": clb.ProblemCredentialsRejected, "quota": clb.ProblemThrottled,
	}
	for _, found := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(string(rules), -1) {
		if _, known := classes[found[1]]; !known {
			t.Errorf("an alert looks for the class %q", found[1])
		}
	}
	for class, problem := range classes {
		t.Run(class, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				const calls = "clbtask_api_calls_total"
				label := strconv.Quote(class)
				before := value(b.gather()[calls], label)
				b.operate()
				b.cloud.setFault(always(problem))
				b.apply("task")
				b.wait(time.Minute)
				if value(b.gather()[calls], label) == before {
					t.Error("no call is counted")
				}
			})
		})
	}
}
