package lifecycle

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// Expiry returns when a finished task is to be deleted, and false if it is not. It says
// nothing of one that is being deleted or taken up again.
func (p Policy) Expiry(task *v1alpha1.CLBTask) (time.Time, bool) {
	if !task.Status.Phase.Final() || task.Status.CompletionTime == nil || !task.DeletionTimestamp.IsZero() || reopens(task) {
		return time.Time{}, false
	}
	ttl := p.DefaultTTL
	switch seconds := task.Spec.TTLSecondsAfterFinished; {
	case seconds != nil:
		ttl = time.Duration(*seconds) * time.Second
	case ttl <= 0 || kept(task):
		return time.Time{}, false
	}
	return task.Status.CompletionTime.Add(ttl), true
}

// keepers are the domains of the labels and annotations that tools leave on the objects
// that they keep. They would create again what the default TTL deletes.
var keepers = []string{
	"toolkit.fluxcd.io",       // Flux: kustomize.toolkit.fluxcd.io/name, helm.toolkit.fluxcd.io/name.
	"argocd.argoproj.io",      // Argo CD: tracking-id, instance, sync-wave.
	"meta.helm.sh",            // Helm: release-name.
	"kapp.k14s.io",            // kapp: app.
	"objectset.rio.cattle.io", // Fleet: id.
	"config.k8s.io",           // kpt: owning-inventory.
}

// instanceLabel is by what Argo CD tracks objects unless it is set up otherwise. Charts
// set it, too.
const instanceLabel = "app.kubernetes.io/instance"

// kept reports whether a tool or an owner looks after an object.
func kept(object metav1.Object) bool {
	marked := func(key string) bool {
		domain, _, _ := strings.Cut(key, "/")
		return key == instanceLabel || slices.ContainsFunc(keepers, func(keeper string) bool {
			return domain == keeper || strings.HasSuffix(domain, "."+keeper)
		})
	}
	for _, keys := range []map[string]string{object.GetLabels(), object.GetAnnotations()} {
		for key := range keys {
			if marked(key) {
				return true
			}
		}
	}
	return len(object.GetOwnerReferences()) > 0
}
