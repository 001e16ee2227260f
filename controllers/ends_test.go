package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// No task ends wrongly.

func TestOneRefusalEndsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range []clb.Problem{clb.ProblemTaskNotFound, clb.ProblemLoadBalancerNotFound, clb.ProblemInvalidRegion, clb.ProblemInvalidRequest} {
		t.Run(fmt.Sprint("a task in progress for 20 minutes is answered ", p, " once"), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.cloud.add("task", 25*time.Minute)
				b.apply("task")
				b.wait(20 * time.Minute)
				once := true
				b.cloud.setFault(func(clb.TaskQuery) *clb.Error {
					if !once {
						return nil
					}
					once = false
					return problem(p)
				})
				b.wait(time.Minute)
				b.reads("task", matrix.Running)
				b.wait(5 * time.Minute)
				b.reads("task", matrix.Succeeded)
			})
		})
	}
}

func TestAnAPIThatFailsEndsNothing(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	for _, p := range []clb.Problem{clb.ProblemQueryRefused, clb.ProblemAPIUnavailable, clb.ProblemAPIUnreachable, clb.ProblemUnexpectedAnswer, clb.ProblemAccessDenied, clb.ProblemThrottled, clb.ProblemEndpointRefused} {
		t.Run(fmt.Sprint("it fails with ", p, " for an hour"), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				for i := range 20 {
					id := fmt.Sprint("task-", i)
					b.cloud.add(id, 10*time.Minute)
					b.apply(id)
				}
				b.wait(10 * time.Second)
				b.cloud.setFault(always(p))
				b.wait(time.Hour)
				for _, task := range b.all() {
					if matrix.Row(task.Status) != matrix.RunningWith(p) {
						b.Errorf("%s reads %s", task.Name, matrix.Row(task.Status))
					}
					if writes := b.cluster.StatusWrites(task.UID); writes > 3 {
						b.Errorf("%s: %d status writes", task.Name, writes)
					}
				}
				b.cloud.setFault(nil)
				b.wait(time.Minute)
				for _, task := range b.all() {
					if matrix.Row(task.Status) != matrix.Succeeded {
						b.Errorf("%s reads %s", task.Name, matrix.Row(task.Status))
					}
				}
			})
		})
	}
}

func TestDeadlineWhileAway(t *testing.T) {
	t.Parallel()
	for sentence, away := range map[string]func(b *bubble, stop func()) (back func()){
		"the operator": func(b *bubble, stop func()) func() {
			stop()
			return func() { b.operate() }
		},
		"the API":         func(b *bubble, _ func()) func() { return fails(b, clb.ProblemAPIUnreachable) },
		"the credentials": func(b *bubble, _ func()) func() { return fails(b, clb.ProblemCredentialsMissing) },
	} {
		for _, seen := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s is away until a minute after the deadline; the task was answered before: %v", sentence, seen), func(t *testing.T) {
				inBubble(t, func(b *bubble) {
					stop := b.operate()
					b.cloud.add("task", 5*time.Minute)
					var back func()
					if !seen {
						back = away(b, stop)
					}
					b.apply("task", withDeadline(600))
					b.wait(20 * time.Second)
					if seen {
						back = away(b, stop)
					}
					b.wait(10*time.Minute + 40*time.Second)
					back()
					b.wait(35 * time.Second)
					b.reads("task", matrix.Succeeded)
				})
			})
		}
	}
}

func fails(b *bubble, p clb.Problem) (back func()) {
	b.cloud.setFault(always(p))
	return func() { b.cloud.setFault(nil) }
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	const limit = 600
	for sentence, test := range map[string]struct {
		prepare func(b *bubble)
		wantEnd time.Duration // After creation.
		want    string
	}{
		"the task is in progress": {func(*bubble) {}, limit * time.Second, "was still in progress then"},
		"the API has been failing since before the first poll": {
			func(b *bubble) { fails(b, clb.ProblemAPIUnreachable) }, limit*time.Second + 2*time.Minute, "gave no answer",
		},
		"the credentials have been missing since before the first poll": {
			func(b *bubble) { fails(b, clb.ProblemCredentialsMissing) }, limit*time.Second + 2*time.Minute, "gave no answer",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.wait(3 * time.Second)
				test.prepare(b)
				b.cloud.add("task", -1)
				b.apply("task", withDeadline(limit))
				b.wait(test.wantEnd - 2*time.Second)
				if phase := b.get("task").Status.Phase; phase.Final() {
					b.Fatalf("it is %s already", phase)
				}
				b.wait(15 * time.Second)
				b.reads("task", matrix.Expired)
				b.says("task", test.want)
				if late := b.get("task").Status.CompletionTime.Sub(b.get("task").CreationTimestamp.Time) - test.wantEnd; late > 12*time.Second {
					b.Errorf("%v after the deadline", late)
				}
			})
		})
	}
}

func TestLastPoll(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", 595*time.Second)
		b.apply("task", withDeadline(600))
		b.wait(599 * time.Second) // The next poll by age is some time away.
		b.wait(3 * time.Second)
		b.reads("task", matrix.Succeeded)
	})
}

func TestClocksApart(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-5 * time.Minute, -4 * time.Minute, -time.Minute, time.Minute, 4 * time.Minute, 5 * time.Minute} {
		t.Run(fmt.Sprintf("the API server's clock is %v ahead of the operator's", skew), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.cluster.SetClockSkew(skew)
				b.operate()
				b.cloud.add("quick", 170*time.Second)
				b.apply("quick", withDeadline(180))
				b.apply("unknown")
				b.cloud.add("unanswered", 170*time.Second)
				b.cloud.setFault(func(q clb.TaskQuery) *clb.Error {
					if q.TaskID == "unanswered" {
						return problem(clb.ProblemAPIUnavailable)
					}
					return nil
				})
				b.apply("unanswered", withDeadline(180))
				b.wait(115 * time.Second)
				if row := matrix.Row(b.get("unknown").Status); row != matrix.PendingWith("TaskNotFound") {
					b.Errorf("an unknown request reads %s within the grace", row)
				}
				b.wait(60 * time.Second)
				if phase := b.get("unanswered").Status.Phase; phase.Final() {
					b.Errorf("a task that was never answered is %s before its deadline", phase)
				}
				b.wait(30 * time.Second)
				b.reads("quick", matrix.Succeeded)
				b.wait(15 * time.Minute)
				b.reads("unanswered", matrix.Expired)
				b.reads("unknown", matrix.UnknownWith("TaskNotFound"))
			})
		})
	}
}
