package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// Updates that cannot change a decision cost no reconcile.
func TestNeedsReconcile(t *testing.T) {
	const asks = v1alpha1.AnnotationReconcileRequestedAt
	for sentence, test := range map[string]struct {
		change func(*v1alpha1.CLBTask)
		want   bool
	}{
		"a resync, which the poller sees":  {func(task *v1alpha1.CLBTask) { task.ResourceVersion = "1" }, false},
		"another object of the name":       {func(task *v1alpha1.CLBTask) { task.UID = "b" }, true},
		"another spec":                     {func(task *v1alpha1.CLBTask) { task.Generation++ }, true},
		"a value that asks for a poll":     {func(task *v1alpha1.CLBTask) { task.Annotations[asks] = "two" }, true},
		"none that asks for a poll":        {func(task *v1alpha1.CLBTask) { delete(task.Annotations, asks) }, true},
		"another annotation":               {func(task *v1alpha1.CLBTask) { task.Annotations["other"] = "two" }, false},
		"a label":                          {func(task *v1alpha1.CLBTask) { task.Labels = map[string]string{asks: "two"} }, false},
		"a status, as the operator writes": {func(task *v1alpha1.CLBTask) { task.Status.LastHandledReconcileAt = "one" }, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			before := &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{UID: "a", ResourceVersion: "1", Generation: 1, Annotations: map[string]string{asks: "one"}}}
			after := before.DeepCopy()
			after.ResourceVersion = "2"
			test.change(after)
			if got := needsReconcile().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
