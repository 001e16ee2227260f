package testenv_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

// Dropped events stay lost until the next list.
func TestDroppedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		mgr, _ := newFollower(t, cluster)
		testenv.Start(t, mgr)
		pass(2 * time.Second)
		cluster.DropEvents(rand.New(rand.NewPCG(1, 2)), 1)
		task := create(t, cluster, "task")
		pass(time.Hour)
		if got := phase(t, cluster, task); got != v1alpha1.PhasePending {
			t.Errorf("before the list, the task is %s", got)
		}
		cluster.DropEvents(nil, 0)
		cluster.Expire(nil)
		pass(time.Hour)
		if got := phase(t, cluster, task); got != v1alpha1.PhaseSucceeded {
			t.Errorf("after the list, the task is %s", got)
		}
	})
}

// Restore hides changes until versions catch up.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		mgr, _ := newFollower(t, cluster)
		testenv.Start(t, mgr)
		pass(2 * time.Second)
		before := cluster.Snapshot()
		first := create(t, cluster, "first")
		pass(2 * time.Minute)
		cluster.Restore(before)
		if err := cluster.Client().Get(t.Context(), client.ObjectKeyFromObject(first), first); !apierrors.IsNotFound(err) {
			t.Errorf("the task is still there: %v", err)
		}
		pass(2 * time.Second)
		second := create(t, cluster, "second")
		pass(time.Hour)
		if got := phase(t, cluster, second); got != v1alpha1.PhasePending {
			t.Errorf("a watch from a later version has seen the task, which is %s", got)
		}
		cluster.Expire(nil)
		pass(time.Hour)
		if got := phase(t, cluster, second); got != v1alpha1.PhaseSucceeded {
			t.Errorf("after a list, the task is %s", got)
		}
	})
}
