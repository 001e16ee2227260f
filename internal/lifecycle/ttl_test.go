package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// finished is a task in a phase, with a completion time if that is final.
func finished(phase v1alpha1.Phase) *v1alpha1.CLBTask {
	task := freshTask()
	task.Status.Phase = phase
	if phase.Final() {
		task.Status.CompletionTime = new(metav1.NewTime(created))
	}
	return task
}

// A finished task expires a TTL after its end, and no other task does.
func TestExpiry(t *testing.T) {
	const never = -1
	for sentence, test := range map[string]struct {
		phase  v1alpha1.Phase
		change func(*v1alpha1.CLBTask)
		policy time.Duration
		want   time.Duration // After the end.
	}{
		"no TTL":                         {v1alpha1.PhaseSucceeded, func(*v1alpha1.CLBTask) {}, 0, never},
		"a TTL, succeeded":               {v1alpha1.PhaseSucceeded, ttl(60), 0, time.Minute},
		"a TTL, failed":                  {v1alpha1.PhaseFailed, ttl(60), 0, time.Minute},
		"a TTL, unknown":                 {v1alpha1.PhaseUnknown, ttl(60), 0, time.Minute},
		"a TTL, pending":                 {v1alpha1.PhasePending, ttl(0), time.Minute, never},
		"a TTL, running":                 {v1alpha1.PhaseRunning, ttl(0), time.Minute, never},
		"a TTL, suspended":               {v1alpha1.PhaseSuspended, ttl(0), time.Minute, never},
		"a TTL of zero":                  {v1alpha1.PhaseSucceeded, ttl(0), time.Hour, 0},
		"the longest TTL":                {v1alpha1.PhaseSucceeded, ttl(1<<31 - 1), 0, (1<<31 - 1) * time.Second},
		"the default TTL":                {v1alpha1.PhaseSucceeded, func(*v1alpha1.CLBTask) {}, time.Hour, time.Hour},
		"a TTL before the default":       {v1alpha1.PhaseSucceeded, ttl(60), time.Hour, time.Minute},
		"no end":                         {v1alpha1.PhaseSucceeded, func(task *v1alpha1.CLBTask) { ttl(0)(task); task.Status.CompletionTime = nil }, 0, never},
		"an end that phase doesn't have": {v1alpha1.PhaseRunning, func(task *v1alpha1.CLBTask) { ttl(0)(task); task.Status.CompletionTime = new(metav1.Now()) }, 0, never},
		"one that is being deleted":      {v1alpha1.PhaseSucceeded, func(task *v1alpha1.CLBTask) { ttl(0)(task); task.DeletionTimestamp = new(metav1.Now()) }, 0, never},
		"unknown, to be polled again":    {v1alpha1.PhaseUnknown, func(task *v1alpha1.CLBTask) { ttl(0)(task); task.Annotations = annotation("one") }, 0, never},
		"unknown, polled again before": {v1alpha1.PhaseUnknown, func(task *v1alpha1.CLBTask) {
			ttl(0)(task)
			task.Annotations = annotation("one")
			task.Status.LastHandledReconcileAt = "one"
		}, 0, 0},
		"a verdict that asks, too":      {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { ttl(0)(task); task.Annotations = annotation("one") }, 0, 0},
		"Flux's, with a TTL of its own": {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { ttl(60)(task); task.Labels = label("kustomize.toolkit.fluxcd.io/name") }, time.Hour, time.Minute},
		"Flux's Kustomization":          {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Labels = label("kustomize.toolkit.fluxcd.io/name") }, time.Hour, never},
		"Flux's HelmRelease":            {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Labels = label("helm.toolkit.fluxcd.io/name") }, time.Hour, never},
		"Argo CD's, by annotation":      {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Annotations = label("argocd.argoproj.io/tracking-id") }, time.Hour, never},
		"Argo CD's, by its label":       {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Labels = label("argocd.argoproj.io/instance") }, time.Hour, never},
		"Argo CD's, by the usual label": {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Labels = label("app.kubernetes.io/instance") }, time.Hour, never},
		"Helm's":                        {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Annotations = label("meta.helm.sh/release-name") }, time.Hour, never},
		"kapp's":                        {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Labels = label("kapp.k14s.io/app") }, time.Hour, never},
		"Fleet's":                       {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Annotations = label("objectset.rio.cattle.io/id") }, time.Hour, never},
		"kpt's":                         {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.Annotations = label("config.k8s.io/owning-inventory") }, time.Hour, never},
		"an owner's":                    {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) { task.OwnerReferences = make([]metav1.OwnerReference, 1) }, time.Hour, never},
		"one with other marks": {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) {
			task.Labels = label("app.kubernetes.io/name")
			task.Annotations = label("notargocd.argoproj.io/x")
		}, time.Hour, time.Hour},
		"one that kubectl apply has made": {v1alpha1.PhaseFailed, func(task *v1alpha1.CLBTask) {
			task.Annotations = label("kubectl.kubernetes.io/last-applied-configuration")
		}, time.Hour, time.Hour},
	} {
		t.Run(sentence, func(t *testing.T) {
			task := finished(test.phase)
			test.change(task)
			at, ok := Policy{DefaultTTL: test.policy}.Expiry(task)
			if ok != (test.want != never) || ok && !at.Equal(created.Add(test.want)) {
				t.Errorf("it expires: %v, %v after its end, want %v", ok, at.Sub(created), test.want)
			}
		})
	}
}

func ttl(seconds int64) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.TTLSecondsAfterFinished = &seconds }
}

func annotation(token string) map[string]string {
	return map[string]string{v1alpha1.AnnotationReconcileRequestedAt: token}
}

func label(key string) map[string]string { return map[string]string{key: "shop"} }
