// Package goguide is the example of docs/go.md: a controller that follows a request
// for each of its objects.
package goguide

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	apply "github.com/clbtask/clbtask-operator/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// Reconciler follows the request that a ConfigMap names, and writes into it how that ended.
type Reconciler struct{ client.Client }

// SetupWithManager lets a CLBTask that changes bring back the ConfigMap that owns it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Owns(&v1alpha1.CLBTask{}).Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var owner corev1.ConfigMap
	if err := r.Get(ctx, request.NamespacedName, &owner); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if owner.Data["requestId"] == "" || owner.Data["result"] != "" {
		return ctrl.Result{}, nil
	}
	task := apply.CLBTask(owner.Name, owner.Namespace).
		WithOwnerReferences(metav1.OwnerReference().WithAPIVersion("v1").WithKind("ConfigMap").
			WithName(owner.Name).WithUID(owner.UID).WithController(true)).
		WithSpec(apply.CLBTaskSpec().WithRequestID(owner.Data["requestId"]).WithRegion(owner.Data["region"]))
	if err := r.Apply(ctx, task, client.FieldOwner("example"), client.ForceOwnership); err != nil {
		return ctrl.Result{}, err
	}
	var followed v1alpha1.CLBTask
	if err := r.Get(ctx, request.NamespacedName, &followed); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err) // The cache will have it soon.
	}
	ready := meta.FindStatusCondition(followed.Status.Conditions, v1alpha1.ConditionReady)
	if !followed.Status.Phase.Final() || ready == nil {
		return ctrl.Result{}, nil // The watch comes back.
	}
	owner.Data["result"] = string(followed.Status.Phase) + ": " + ready.Message
	return ctrl.Result{}, r.Update(ctx, &owner)
}
