package command

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

// handling is a change that acts on the annotation, too.
func handling(change func(*v1alpha1.CLBTask)) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) {
		change(task)
		task.Status.LastHandledReconcileAt = task.Annotations[v1alpha1.AnnotationReconcileRequestedAt]
	}
}

func TestRetry(t *testing.T) {
	for sentence, test := range map[string]struct {
		world  func(b *bubble)
		args   []string
		code   exit.Code
		stdout string
		stderr []string
		took   time.Duration
		asked  bool
	}{
		"it ends when the operator has acted": {func(b *bubble) { b.change(3*time.Second, "a", handling(running)) }, nil,
			exit.Succeeded, prefix + "a polled again: Running, InProgress: The task is in progress.\n", nil, 3 * time.Second, true},
		"an Unknown is waited for until it is taken up again": {func(b *bubble) {
			b.change(0, "a", unknown)
			<-time.After(time.Second)
			b.change(3*time.Second, "a", handling(running))
			b.change(5*time.Second, "a", handling(succeeded))
		}, []string{"--wait"}, exit.Succeeded, prefix + "a succeeded: lb-1, lb-2\n", []string{"[ 0s] a: Unknown", "[ 3s] a: Running"}, 5 * time.Second, true},
		"it is Unknown again": {func(b *bubble) {
			b.change(0, "a", unknown)
			<-time.After(time.Second)
			b.change(3*time.Second, "a", handling(unknown))
		}, []string{"--wait"}, exit.Unknown, prefix + "a unknown: The CLB API does not know it.\n", nil, 3 * time.Second, true},
		"a verdict is not asked for again": {func(b *bubble) { b.change(0, "a", failed); <-time.After(time.Second) }, nil,
			exit.Failed, prefix + "a failed: The task failed: No room for more.\n", nil, 0, false},
		"one that is suspended is not polled": {func(b *bubble) { b.change(0, "a", suspended); <-time.After(time.Second) }, nil,
			exit.NotFoundOut, prefix + "a suspended: spec.suspend keeps it from being polled; set it to false, or wait with --allow-suspended\n", nil, 0, false},
		"no operator acts": {func(b *bubble) { b.change(0, "a", running); <-time.After(time.Second) }, []string{"--timeout=20s"},
			exit.TimedOut, "", []string{"[15s] a: No answer for it yet"}, 20 * time.Second, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.make("a")
				test.world(b)
				begun := time.Now()
				code, stdout, stderr := b.run(b.Context(), "", append([]string{"retry", "a"}, test.args...)...)
				if took := time.Since(begun); code != test.code || took.Truncate(time.Second) != test.took || stdout != test.stdout && test.stdout != "" {
					t.Errorf("exit code %d after %s\n%s%s", code, took, stdout, stderr)
				}
				contains(t, stderr, test.stderr...)
				var task v1alpha1.CLBTask
				err := b.client.Get(b.Context(), types.NamespacedName{Namespace: "ns", Name: "a"}, &task)
				if asked := task.Annotations[v1alpha1.AnnotationReconcileRequestedAt] != ""; err != nil || asked != test.asked {
					t.Errorf("asked: %v, %v", asked, err)
				}
			})
		})
	}
	inBubble(t, func(b *bubble) {
		if code, _, stderr := b.run(b.Context(), "", "retry", "z"); code != exit.NotFoundOut {
			t.Errorf("exit code %d\n%s", code, stderr)
		}
	})
}
