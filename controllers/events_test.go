package controllers_test

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// A warning is not repeated when a task is answered for the first time, while conditions
// still hold the problem that is just over.
func TestEventsOfAProblemThatEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		late := time.Now().Add(5 * time.Second)
		b.cloud.fault = func(clb.TaskQuery) *clb.Error {
			if time.Now().After(late) {
				return nil
			}
			return problem(clb.ProblemCredentialsMissing)
		}
		b.operate()
		b.cloud.add("task", time.Minute)
		b.apply("task")
		b.wait(4 * time.Second)
		b.reads("task", matrix.PendingWith(clb.ProblemCredentialsMissing))
		b.wait(8 * time.Second)
		b.reads("task", matrix.RunningWith(clb.ProblemCredentialsMissing))
		b.wait(2 * time.Minute)
		b.reads("task", matrix.Succeeded)
		var got []string
		for _, event := range b.cluster.Events(types.NamespacedName{Namespace: "default", Name: "task"}) {
			got = append(got, event.Type+" "+event.Reason)
			if event.Series != nil {
				t.Errorf("the event %s was repeated", event.Reason)
			}
		}
		if want := []string{"Warning CredentialsMissing", "Normal InProgress", "Normal TaskSucceeded"}; !slices.Equal(got, want) {
			t.Errorf("the events are %q, want %q", got, want)
		}
	})
}
