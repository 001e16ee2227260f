package lifecycle

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// forceInterval is the shortest time between two polls of a request that annotations
// force. The quota bounds those of all requests.
const forceInterval = 5 * time.Second

// forced is a poll that an annotation forced. It is remembered so that a status that
// could not be written does not force another one.
type forced struct {
	by    types.UID
	token string
	at    time.Time
}

// force is what an annotation with a new value leads to.
type force struct {
	// token is the value, empty if there is no new one.
	token string
	// poll says that a poll is to be forced now, and handled that it is or has been, so that
	// the status is to name the token.
	poll, handled bool
	// wait is the time until a poll may be forced.
	wait time.Duration
}

// tokenOf returns the value of the annotation that asks for a poll, as the status names it.
func tokenOf(task *v1alpha1.CLBTask) string {
	token := []rune(task.Annotations[v1alpha1.AnnotationReconcileRequestedAt])
	return string(token[:min(len(token), v1alpha1.MaxTokenLength)])
}

// newToken is tokenOf if the status does not name it yet, else empty.
func newToken(task *v1alpha1.CLBTask) string {
	if token := tokenOf(task); token != task.Status.LastHandledReconcileAt {
		return token
	}
	return ""
}

// forceOf returns what the annotation of a task leads to, unless the task is suspended.
func (h History) forceOf(task *v1alpha1.CLBTask, now time.Time) force {
	f := force{token: newToken(task)}
	if f.token == "" {
		return f
	}
	switch {
	case h.forced != nil && h.forced.by == task.UID && h.forced.token == f.token:
		f.handled = true
	case h.forcedLately(now):
		f.wait = forceInterval - now.Sub(h.forced.at)
	default:
		f.poll, f.handled = true, true
	}
	return f
}

// forcedLately reports whether the last forced poll lets no other be forced. A clock may be
// put back.
func (h History) forcedLately(now time.Time) bool {
	return h.forced != nil && !now.Before(h.forced.at) && now.Sub(h.forced.at) < forceInterval
}

// reopens reports whether a task that ended without a verdict is to be taken up again.
func reopens(task *v1alpha1.CLBTask) bool {
	return task.Status.Phase == v1alpha1.PhaseUnknown && !task.Spec.Suspend && newToken(task) != ""
}
