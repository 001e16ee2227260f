package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// oddFail fails the requests whose names say so.
func oddFail(p clb.Problem) func(clb.TaskQuery) *clb.Error {
	return func(q clb.TaskQuery) *clb.Error {
		if strings.HasPrefix(q.TaskID, "odd-") {
			return problem(p)
		}
		return nil
	}
}

// oddBeside creates n requests that always fail, spread over some namespaces.
func (b *bubble) oddBeside(p clb.Problem, n, namespaces int, vary ...func(*v1alpha1.CLBTask)) {
	b.Helper()
	b.cloud.setFault(oddFail(p))
	for i := range n {
		b.apply(fmt.Sprint("odd-", i), append(vary, in(fmt.Sprint("odd-", i%namespaces)))...)
	}
}

// What fails shows no problem on tasks that are answered beside it.
func TestOthersFailBeside(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	for _, test := range []struct {
		problem         clb.Problem
		odd, namespaces int
		region          string
	}{
		{clb.ProblemAPIUnavailable, 200, 1, region},
		{clb.ProblemAPIUnavailable, 200, 10, region},
		{clb.ProblemAccessDenied, 200, 10, region},
		{clb.ProblemAccessDenied, 20, 1, "ap-beijing"},
	} {
		t.Run(fmt.Sprintf("%s for %d requests of %d namespaces in %s", test.problem, test.odd, test.namespaces, test.region), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.oddBeside(test.problem, test.odd, test.namespaces, inRegion(test.region))
				b.goOn(3)
				b.wait(time.Minute)
				for range 60 {
					b.wait(10 * time.Second)
					for i := range 3 {
						b.reads(fmt.Sprint("task-", i), matrix.Running)
					}
				}
				for i := range 3 {
					if writes := b.cluster.StatusWrites(b.get(fmt.Sprint("task-", i)).UID); writes > 3 {
						b.Errorf("%d status writes", writes)
					}
				}
				for _, task := range b.all() {
					if strings.HasPrefix(task.Name, "odd-") && matrix.Row(task.Status) != matrix.PendingWith(test.problem) {
						b.Fatalf("%s reads %s", task.Name, matrix.Row(task.Status))
					}
				}
			})
		})
	}
}

// A task that is answered whenever it is polled ends by its verdict, although the other
// requests of its namespace fail and close the gate to it.
func TestDeadlineBesideOdd(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	for _, p := range []clb.Problem{clb.ProblemQueryRefused, clb.ProblemAPIUnavailable, clb.ProblemAccessDenied} {
		t.Run(string(p), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.cloud.setFault(oddFail(p))
				for i := range 300 {
					b.apply(fmt.Sprint("odd-", i))
				}
				for i := range 10 {
					id := fmt.Sprint("task-", i)
					b.cloud.add(id, 598*time.Second)
					b.apply(id, withDeadline(600))
					b.wait(11 * time.Second)
				}
				b.wait(20 * time.Minute)
				for i := range 10 {
					b.reads(fmt.Sprint("task-", i), matrix.Succeeded)
				}
			})
		})
	}
}

// A task that was answered beside a problem shows it if it is answered no more.
func TestOutageAfterBeside(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	for _, p := range []clb.Problem{clb.ProblemAPIUnavailable, clb.ProblemAccessDenied} {
		t.Run(string(p), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.oddBeside(clb.ProblemAPIUnavailable, 20, 10)
				b.goOn(100)
				b.wait(5 * time.Minute)
				b.reads("task-0", matrix.Running)
				b.cloud.setFault(always(p))
				b.wait(2 * time.Minute)
				for i := range 100 {
					b.reads(fmt.Sprint("task-", i), matrix.RunningWith(p))
				}
			})
		})
	}
}

// Throttling that is over is shown no more, although others go on to fail.
func TestThrottledBeside(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.oddBeside(clb.ProblemAPIUnavailable, 20, 10)
		b.goOn(20)
		b.wait(time.Minute)
		b.cloud.setFault(always(clb.ProblemThrottled))
		b.wait(30 * time.Second)
		b.reads("task-0", matrix.RunningWith(clb.ProblemThrottled))
		b.cloud.setFault(oddFail(clb.ProblemAPIUnavailable))
		b.wait(2 * time.Minute)
		b.reads("task-0", matrix.Running)
	})
}
