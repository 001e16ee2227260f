package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// sweeper does what finished CLBTasks still need, which are not in the cache: the spec
// of one may have been edited since, and readers that compare generations (kstatus,
// kubectl wait) wait for the status to speak of the present one.
type sweeper struct {
	reader     client.Reader // Not cached.
	statuses   *statusWriter
	policy     lifecycle.Policy
	namespaces []string
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *sweeper) NeedLeaderElection() bool { return true }

// Start implements manager.Runnable. It sweeps until ctx ends.
func (s *sweeper) Start(ctx context.Context) error {
	_ = wait.PollUntilContextCancel(ctx, wait.Jitter(sweepPeriod, 0.2), false, func(ctx context.Context) (bool, error) {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Sweep of finished tasks failed; it is repeated in minutes")
		}
		return false, nil
	})
	return nil
}

func (s *sweeper) sweep(ctx context.Context) error {
	namespaces := s.namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	for _, namespace := range namespaces {
		for _, phase := range []v1alpha1.Phase{v1alpha1.PhaseSucceeded, v1alpha1.PhaseFailed} {
			if err := s.sweepPhase(ctx, namespace, phase); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sweeper) sweepPhase(ctx context.Context, namespace string, phase v1alpha1.Phase) error {
	for next := ""; ; {
		list := new(v1alpha1.CLBTaskList)
		err := s.reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{phaseField: string(phase)},
			client.Limit(sweepPage), client.Continue(next))
		if err != nil {
			return err
		}
		for i := range list.Items {
			task := &list.Items[i]
			decision := s.policy.Decide(task, lifecycle.History{}, lifecycle.Health{}, time.Now())
			err := s.statuses.write(ctx, task, decision)
			if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
				return err
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}
