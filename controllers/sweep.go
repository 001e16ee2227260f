package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

const (
	sweepPeriod = 5 * time.Minute
	// sweepPage is how many objects are in memory at a time.
	sweepPage = 250
)

const phaseField = "status.phase"

// phaseIsNone selects the objects that are in none of some phases. An API server has no
// selector for those that are in one of several.
func phaseIsNone(of ...v1alpha1.Phase) fields.Selector {
	var terms []fields.Selector
	for _, phase := range of {
		terms = append(terms, fields.OneTermNotEqualSelector(phaseField, string(phase)))
	}
	return fields.AndSelectors(terms...)
}

// inCache selects the objects in the manager's cache, and notInCache all others.
// Unknown is in the cache: unlike a verdict, it can be taken back.
var (
	inCache    = phaseIsNone(v1alpha1.PhaseSucceeded, v1alpha1.PhaseFailed)
	notInCache = phaseIsNone(v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseSuspended, v1alpha1.PhaseUnknown)
)

// sweeper does what finished CLBTasks still need, which are not in the cache. The spec of
// one may have been edited since, and readers that compare generations (kstatus, kubectl
// wait) wait for the status to speak of the present one. Others wait for the token of an
// annotation. And one whose TTL is over is deleted, even if another process scheduled that.
type sweeper struct {
	reader     client.Reader // Not cached.
	statuses   *statusWriter
	policy     lifecycle.Policy
	expirer    *expirer
	namespaces []string
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *sweeper) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable. It sweeps until ctx ends.
func (s *sweeper) Start(ctx context.Context) error {
	namespaces := s.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	_ = wait.PollUntilContextCancel(ctx, wait.Jitter(sweepPeriod, 0.2), false, func(ctx context.Context) (bool, error) {
		for _, namespace := range namespaces {
			if err := s.sweep(ctx, namespace); err != nil && ctx.Err() == nil {
				log.FromContext(ctx).Error(err, "Sweep of finished tasks failed, the next one comes within minutes", "namespace", namespace)
			}
		}
		return false, nil
	})
	return nil
}

// sweep looks at the finished objects of a namespace. One whose status is refused stops
// no other.
func (s *sweeper) sweep(ctx context.Context, namespace string) error {
	for next := ""; ; {
		list := new(v1alpha1.CLBTaskList)
		err := s.reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFieldsSelector{Selector: notInCache},
			client.Limit(sweepPage), client.Continue(next))
		if err != nil {
			return err
		}
		for i := range list.Items {
			task := &list.Items[i]
			decision := s.policy.Decide(task, lifecycle.History{}, lifecycle.Health{}, time.Now())
			err := s.statuses.write(ctx, task, decision)
			if err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				log.FromContext(ctx).Error(err, "Status of a finished task not written, the next sweep tries again", "task", client.ObjectKeyFromObject(task))
			}
			s.expirer.schedule(task)
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}
