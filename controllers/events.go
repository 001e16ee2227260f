package controllers

import (
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// maxNoteBytes is the longest note of an event. The API server counts bytes
// (k8s.io/kubernetes pkg/apis/core/validation/events.go, NoteLengthLimit), and
// refuses the whole event beyond that.
const maxNoteBytes = 1024

// emitEvent records an event about a status that was just written.
func emitEvent(recorder events.EventRecorder, task *v1alpha1.CLBTask, ready *metav1.Condition) {
	kind, action := corev1.EventTypeWarning, "DescribeTaskStatus"
	switch ready.Reason {
	case v1alpha1.ReasonInProgress, v1alpha1.ReasonTaskSucceeded:
		kind = corev1.EventTypeNormal
	case v1alpha1.ReasonSuspended:
		kind, action = corev1.EventTypeNormal, "Suspend"
	case v1alpha1.ReasonPending:
		kind, action = corev1.EventTypeNormal, "Resume" // Or reopen.
	case v1alpha1.ReasonDeadlineExceeded:
		action = "Expire"
	}
	note := ready.Message
	if task.Spec.Action != "" {
		note = task.Spec.Action + ": " + note
	}
	recorder.Eventf(task, nil, kind, ready.Reason, action, "%s", truncateBytes(note, maxNoteBytes))
}

// truncateBytes shortens a text to at most so many bytes, between two characters.
func truncateBytes(text string, most int) string {
	const ellipsis = "…"
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= most {
		return text
	}
	end := most - len(ellipsis)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
