package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

// reconciler brings each CLBTask to its verdict.
type reconciler struct {
	reader   client.Reader
	statuses *statusWriter
	policy   lifecycle.Policy
	poller   *poller
	actions  *actionWarner
	expirer  *expirer
}

// Reconcile writes what follows from the task, the time and what is known of its
// request, and lets the request be polled while the task is unfinished.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	task := new(v1alpha1.CLBTask)
	if err := r.reader.Get(ctx, request.NamespacedName, task); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !task.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	r.actions.look(task)
	now := time.Now()
	history, health := r.poller.look(requestOf(task))
	decision := r.policy.Decide(task, history, health, now)
	if decision.Poll {
		r.poller.track(task, decision, now)
	}
	if err := r.statuses.write(ctx, task, decision); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.expirer.schedule(task)
	return ctrl.Result{RequeueAfter: decision.RequeueAfter}, nil
}

// statusWriter writes the status of CLBTasks, and reports what it wrote.
type statusWriter struct {
	client   client.StatusClient
	recorder events.EventRecorder
}

// write patches the status if the decision changed it. The lock makes a patch that
// rests on an old object fail rather than overwrite.
func (w *statusWriter) write(ctx context.Context, task *v1alpha1.CLBTask, decision lifecycle.Decision) error {
	if !decision.Changed {
		return nil
	}
	old := task.DeepCopy()
	patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
	task.Status = decision.Status
	if err := w.client.Status().Patch(ctx, task, patch); err != nil {
		return fmt.Errorf("write the status: %w", err)
	}
	w.report(ctx, old.Status, task)
	return nil
}

// report announces a status that was written: by an event if Ready says something else,
// and by a log line and a metric if the phase is another one, too. A warning must not be
// repeated because of the answer that ends its problem. A status that only speaks of a
// later generation is not announced.
func (w *statusWriter) report(ctx context.Context, old v1alpha1.CLBTaskStatus, task *v1alpha1.CLBTask) {
	was, ready := meta.FindStatusCondition(old.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil: // The final status was not written by the operator.
		return
	case was == nil || was.Status != ready.Status || was.Reason != ready.Reason || was.Message != ready.Message:
		emitEvent(w.recorder, task, ready)
	case old.Phase == task.Status.Phase:
		return
	}
	event := "Task status changed"
	if task.Status.Phase.Final() {
		event = "Task finished"
		tasksFinished.WithLabelValues(string(task.Status.Phase), ready.Reason).Inc()
		taskSeconds.WithLabelValues(string(task.Status.Phase)).Observe(time.Since(task.CreationTimestamp.Time).Seconds())
	}
	fields := requestOf(task).logFields("phase", task.Status.Phase, "reason", ready.Reason, "apiRequestID", task.Status.APIRequestID)
	if task.Spec.Action != "" {
		fields = append(fields, "action", task.Spec.Action)
	}
	log.FromContext(ctx).Info(event, fields...)
}
