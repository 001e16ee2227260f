package controllers

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
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

// Statuses that could not be written are written again soon, but not all at once.
func TestWriteBackoff(t *testing.T) {
	for sentence, test := range map[string]struct {
		statuses, failures int
		least, most        time.Duration // Until the last one is written again.
	}{
		"one, after its first failure":         {1, 1, 5 * time.Millisecond, 5 * time.Millisecond},
		"one, after many":                      {1, 20, 15 * time.Second, 15 * time.Second},
		"a few at once":                        {100, 1, 5 * time.Millisecond, 5 * time.Millisecond},
		"20,000 at once, 500 of them a second": {20_000, 1, 38 * time.Second, 40 * time.Second},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limiter := writeBackoff()
				var last time.Duration
				for i := range test.statuses {
					for range test.failures {
						last = limiter.When(ctrl.Request{NamespacedName: types.NamespacedName{Name: strconv.Itoa(i)}})
					}
				}
				if last < test.least || last > test.most {
					t.Errorf("the last one is written again after %v, want %v to %v", last, test.least, test.most)
				}
			})
		})
	}
}
