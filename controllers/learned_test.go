package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// Requests are polled when those of their action are likely to end.
func TestActionsAreLearned(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		// follow returns how often a request is polled in its first 15 s.
		follow := func(id, action string, lasts time.Duration) int {
			b.cloud.add(id, lasts)
			b.apply(id, withAction(action))
			b.wait(15 * time.Second)
			polls := len(b.cloud.polled(id))
			b.wait(15 * time.Second)
			b.reads(id, matrix.Succeeded)
			return polls
		}
		const slow, quick = 20 * time.Second, 2 * time.Second
		for i := range 30 {
			follow(fmt.Sprint("slow-", i), "CreateLoadBalancer", slow)
			follow(fmt.Sprint("quick-", i), "RegisterTargets", quick)
		}
		known, other := follow("known", "CreateLoadBalancer", slow), follow("other", "RegisterTargets", slow)
		if known > other/2 {
			t.Errorf("%d polls of a request that is slow as its action says, %d of one that its action says is quick", known, other)
		}
	})
}
