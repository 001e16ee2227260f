package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// maxNoteLength is what the events API takes, in characters.
const maxNoteLength = 1024

// recordTransition tells of a status that was just written. Statuses are written
// only when something changed, so nothing is told twice.
func recordTransition(recorder events.EventRecorder, task *v1alpha1.CLBTask) {
	ready := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady)
	kind := corev1.EventTypeNormal
	switch {
	case task.Status.Phase == v1alpha1.PhaseSucceeded, ready.Reason == v1alpha1.ReasonInProgress:
	default:
		kind = corev1.EventTypeWarning
	}
	recorder.Eventf(task, nil, kind, ready.Reason, "DescribeTaskStatus", "%s", cut(ready.Message, maxNoteLength))
}
