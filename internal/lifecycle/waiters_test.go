package lifecycle

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// kstatus restates what Flux, Helm and kpt read in a custom resource:
// sigs.k8s.io/cli-utils/pkg/kstatus/status, Compute of core.go with the rules of
// generic.go (checkGenericProperties) and status.go (checkReadyCondition).
func kstatus(task *v1alpha1.CLBTask) string {
	if task.Status.ObservedGeneration != task.Generation {
		return "InProgress"
	}
	for _, c := range task.Status.Conditions {
		if c.Type == "Reconciling" && c.Status == metav1.ConditionTrue {
			return "InProgress"
		}
		if c.Type == "Stalled" && c.Status == metav1.ConditionTrue {
			return "Failed"
		}
	}
	if ready := meta.FindStatusCondition(task.Status.Conditions, "Ready"); ready != nil && ready.Status != metav1.ConditionTrue {
		return "InProgress"
	}
	return "Current" // Also if no condition is known: a false green.
}

// wranglerError restates what Rancher and Fleet show as an error: github.com/rancher/wrangler
// pkg/summary, checkErrors of summarizers.go, for the conditions that it knows. A Ready
// of Unknown is one, a Ready of False is in transition; Stalled and Failed are errors if True.
func wranglerError(task *v1alpha1.CLBTask) bool {
	ready := meta.FindStatusCondition(task.Status.Conditions, "Ready")
	return ready == nil || ready.Status == metav1.ConditionUnknown || hasTrue(task, "Stalled") || hasTrue(task, "Failed")
}

func hasTrue(task *v1alpha1.CLBTask, kind string) bool {
	return meta.IsStatusConditionTrue(task.Status.Conditions, kind)
}

// healthy reports whether any waiter takes the task for finished and well: kstatus,
// kubectl wait and Tekton by condition, Argo Workflows by phase, Crossplane if all
// conditions are True.
func healthy(task *v1alpha1.CLBTask) bool {
	all := true
	for _, c := range task.Status.Conditions {
		all = all && c.Status == metav1.ConditionTrue
	}
	return all || kstatus(task) == "Current" || hasTrue(task, "Ready") || hasTrue(task, "Succeeded") || task.Status.Phase == v1alpha1.PhaseSucceeded
}

// broken reports whether any waiter takes the task for finished and not well.
func broken(task *v1alpha1.CLBTask) bool {
	return kstatus(task) == "Failed" || wranglerError(task) || meta.IsStatusConditionFalse(task.Status.Conditions, "Succeeded") ||
		task.Status.Phase == v1alpha1.PhaseFailed || task.Status.Phase == v1alpha1.PhaseUnknown
}
