package lifecycle

import (
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// asks reports whether the annotation has a value that the status does not name.
func (w *witness) asks() bool {
	token := w.task.Annotations[v1alpha1.AnnotationReconcileRequestedAt]
	return token != "" && token != w.task.Status.LastHandledReconcileAt
}

// mayForce reports whether the annotation forces a poll now.
func (w *witness) mayForce() bool {
	since := w.now.Sub(w.forcedAt)
	return w.asks() && !w.task.Spec.Suspend && (w.forcedBy == "" || since < 0 || since >= 5*time.Second)
}

// resumes reports whether the next decision resumes or reopens the task.
func (w *witness) resumes() bool {
	switch w.task.Status.Phase {
	case v1alpha1.PhaseSuspended:
		return !w.task.Spec.Suspend && w.verdict() == nothing
	case v1alpha1.PhaseUnknown:
		return w.mayForce()
	default:
		return false
	}
}

// checkForced states what the annotation leads to.
func (w *witness) checkForced(before v1alpha1.CLBTaskStatus, asked, mayForce bool) {
	token, status := w.task.Annotations[v1alpha1.AnnotationReconcileRequestedAt], w.task.Status
	named := status.LastHandledReconcileAt == token
	verdict := status.Phase == v1alpha1.PhaseSucceeded || status.Phase == v1alpha1.PhaseFailed
	w.claim(w.last.Force == (mayForce && !verdict), "a poll is forced by a new value, and for no verdict")
	w.claim(!asked || named == (verdict || w.last.Force), "the status names what forced a poll, and what a verdict needs no poll for")
	w.claim(asked || status.LastHandledReconcileAt == before.LastHandledReconcileAt, "without a new value the status names the old one")
	if w.last.Force {
		w.forcedAt, w.forcedBy = w.now, token
	}
}
