package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// maxNoteLength is what the events API takes, in characters.
const maxNoteLength = 1024

// recordTransition tells of a status that was just written, once for each that
// is news.
func recordTransition(recorder events.EventRecorder, task *v1alpha1.CLBTask) {
	ready := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady)
	kind, action := corev1.EventTypeWarning, "DescribeTaskStatus"
	switch ready.Reason {
	case v1alpha1.ReasonInProgress, v1alpha1.ReasonTaskSucceeded:
		kind = corev1.EventTypeNormal
	case v1alpha1.ReasonSuspended:
		kind, action = corev1.EventTypeNormal, "Suspend"
	case v1alpha1.ReasonPending:
		kind, action = corev1.EventTypeNormal, "Resume"
	case v1alpha1.ReasonDeadlineExceeded:
		action = "Expire"
	}
	recorder.Eventf(task, nil, kind, ready.Reason, action, "%s", cut(ready.Message, maxNoteLength))
}
