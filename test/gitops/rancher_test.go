package gitops_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/rancher/wrangler/v3/pkg/summary"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// rancherWaiters rate an object for a user interface and for the state of a bundle.
func rancherWaiters() []waiter {
	want := [3]string{open: "transitioning", good: "ready", ended: "error"}
	return []waiter{
		{
			Name: "Rancher", Rule: "an error is `Stalled` or `Failed` True, or `Ready` Unknown; in transition is `Reconciling` True, or `Ready` False",
			Code: "its own: `github.com/rancher/wrangler/v3/pkg/summary`",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				return wranglerReading(task), nil
			},
			want: want,
		},
		{
			Name: "Fleet", Rule: "nearly the same rules, and kstatus",
			Code: "restated: fleet, `internal/cmd/agent/deployer/summary/summarizers.go`, with the library that it uses",
			pure: true, judge: func(_ context.Context, task *unstructured.Unstructured, _ time.Duration) (string, error) {
				return fleetReading(task)
			},
			want: want,
		},
	}
}

func wranglerReading(task *unstructured.Unstructured) string {
	s := summary.Summarize(task.DeepCopy())
	return flags(s.Error, s.Transitioning)
}

// flags are shown one at a time. What has none is ready.
func flags(failed, transitioning bool) string {
	switch {
	case failed:
		return "error"
	case transitioning:
		return "transitioning"
	default:
		return "ready"
	}
}

// fleetReading restates what Fleet's fork of wrangler's package makes of the
// conditions of a CLBTask, none of which has the reason Error: checkErrors,
// checkTransitioning, checkPhase and kStatusSummarizer.
func fleetReading(task *unstructured.Unstructured) (string, error) {
	is := conditions(task)
	failed := is["Stalled"] == "True" || is["Failed"] == "False"
	transitioning := is["Reconciling"] == "True" || is["Ready"] == "False"
	if is["Reconciling"] != "True" && is["Ready"] == "Unknown" {
		failed = true
	}
	if phase, _, _ := unstructured.NestedString(task.Object, "status", "phase"); phase == "Succeeded" {
		transitioning = false
	}
	result, err := status.Compute(task)
	if err != nil {
		return "", err
	}
	failed = failed || result.Status == status.FailedStatus
	transitioning = transitioning || result.Status == status.InProgressStatus || result.Status == status.TerminatingStatus
	return flags(failed, transitioning), nil
}

var _ = Describe("Rancher and Fleet", func() {
	It("would show a new object as an error if its Ready were Unknown", func() {
		task := states[0].held.DeepCopy()
		list, _, err := unstructured.NestedSlice(task.Object, "status", "conditions")
		Expect(err).NotTo(HaveOccurred())
		list[0].(map[string]any)["status"] = "Unknown"
		Expect(unstructured.SetNestedSlice(task.Object, list, "status", "conditions")).To(Succeed())
		Expect(row(task)).To(HavePrefix("Pending Ready=Unknown/Pending"))
		Expect(wranglerReading(task)).To(Equal("error"))
		Expect(fleetReading(task)).To(Equal("error"))
	})
})
