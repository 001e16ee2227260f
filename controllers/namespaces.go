package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// recheckNamespaces is how often it is looked whether a namespace that was left out may
// be watched now.
const recheckNamespaces = 10 * time.Second

// LeftOut are the namespaces that should be watched and may not be. They must not keep the
// operator from the others, as they would if they were in its cache.
type LeftOut struct {
	reviews    authorizationclient.SelfSubjectAccessReviewInterface
	namespaces []string
}

// LeaveOut takes the namespaces out of the options whose CLBTasks may not be watched with a
// cluster's credentials. It fails if none is left.
func (o *Options) LeaveOut(ctx context.Context, cluster *rest.Config) (*LeftOut, error) {
	authorization, err := authorizationclient.NewForConfig(cluster)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	out := &LeftOut{reviews: authorization.SelfSubjectAccessReviews()}
	var failed error
	o.Namespaces = slices.DeleteFunc(slices.Clone(o.Namespaces), func(namespace string) bool {
		allowed, err := out.mayWatch(ctx, namespace)
		failed = errors.Join(failed, err)
		if !allowed {
			out.namespaces = append(out.namespaces, namespace)
		}
		return !allowed
	})
	if failed == nil && len(out.namespaces) > 0 && len(o.Namespaces) == 0 {
		failed = fmt.Errorf("the CLBTasks of %s may not be watched: bind a role with get, list, watch, delete and status/patch there", strings.Join(out.namespaces, ", "))
	}
	return out, failed
}

func (l *LeftOut) mayWatch(ctx context.Context, namespace string) (bool, error) {
	for _, verb := range []string{"list", "watch"} {
		wanted := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: "clbtasks",
			},
		}}
		review, err := l.reviews.Create(ctx, wanted, metav1.CreateOptions{})
		if err != nil {
			return false, fmt.Errorf("find out whether the CLBTasks of namespace %s may be watched: %w", namespace, err)
		}
		if !review.Status.Allowed {
			return false, nil
		}
	}
	return true, nil
}

// AddTo names the namespaces in the log and in the manager's readiness, and ends the
// manager when one of them may be watched, so that it starts again with all that it may.
func (l *LeftOut) AddTo(mgr ctrl.Manager) error {
	if len(l.namespaces) == 0 {
		return nil
	}
	for _, namespace := range l.namespaces {
		mgr.GetLogger().Info("Namespace left out: its CLBTasks may not be watched", "namespace", namespace)
		if err := mgr.AddReadyzCheck("may-watch-namespace-"+namespace, denied); err != nil {
			return err
		}
	}
	return mgr.Add(l)
}

var denied healthz.Checker = func(*http.Request) error { return errors.New("its CLBTasks may not be watched") }

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica looks.
func (*LeftOut) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (l *LeftOut) Start(ctx context.Context) error {
	var found string
	err := wait.PollUntilContextCancel(ctx, recheckNamespaces, false, func(ctx context.Context) (bool, error) {
		for _, namespace := range l.namespaces {
			// If it cannot be found out now, the next look will tell.
			if allowed, err := l.mayWatch(ctx, namespace); allowed && err == nil {
				found = namespace
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil { // The manager ends.
		return nil //nolint:nilerr // That is all that the error says.
	}
	return fmt.Errorf("the CLBTasks of namespace %s may be watched now: start again to do so", found)
}
