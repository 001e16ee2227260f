package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// Several CLBTasks of one request share its history and its polls.

func ofRequest(task *v1alpha1.CLBTask) { task.Spec.RequestID = "request" }

func TestShared(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]func(b *bubble){
		"ten tasks of one request cost the polls of one": func(b *bubble) {
			b.operate()
			b.cloud.add("request", 3*time.Second)
			for i := range 10 {
				b.apply(fmt.Sprint("task-", i), ofRequest, in(fmt.Sprint("namespace-", i%3)))
			}
			b.wait(10 * time.Second)
			for _, task := range b.all() {
				if matrix.Row(task.Status) != matrix.Succeeded {
					b.Errorf("%s reads %s", task.Name, matrix.Row(task.Status))
				}
			}
			if polls := len(b.cloud.polled("request")); polls > 20 {
				b.Errorf("%d polls", polls)
			}
		},
		"the answer of one region is not that of another": func(b *bubble) {
			b.operate()
			b.cloud.add("request", time.Minute)
			b.apply("right", ofRequest)
			b.apply("wrong", ofRequest, inRegion("ap-beijing"))
			b.wait(5 * time.Second)
			for _, at := range []string{region, "ap-beijing"} {
				found := false
				for _, p := range b.cloud.polled("request") {
					found = found || p.Region == at
				}
				if !found {
					b.Errorf("%s was not polled", at)
				}
			}
		},
		"when one is deleted, the other goes on": func(b *bubble) {
			b.operate()
			b.cloud.add("request", time.Minute)
			b.apply("first", ofRequest)
			b.apply("second", ofRequest)
			b.wait(5 * time.Second)
			b.delete("first")
			b.wait(70 * time.Second) // Some sixth of its age may pass between two polls.
			b.reads("second", matrix.Succeeded)
		},
		"one that joins while a poll is out gets its answer": func(b *bubble) {
			b.cloud.latency = 2 * time.Second
			b.operate()
			b.cloud.add("request", 0)
			b.apply("first", ofRequest)
			b.wait(2 * time.Second) // The poll has begun a second ago.
			b.apply("second", ofRequest)
			b.wait(2 * time.Second)
			b.reads("first", matrix.Succeeded)
			b.reads("second", matrix.Succeeded)
			if polls := len(b.cloud.polled("request")); polls != 1 {
				b.Errorf("%d polls", polls)
			}
		},
		"one that joins while the other leaves is polled": func(b *bubble) {
			b.cloud.latency = 2 * time.Second
			b.operate()
			b.cloud.add("request", -1)
			b.apply("first", ofRequest)
			b.wait(2 * time.Second)
			b.delete("first")
			b.apply("second", ofRequest)
			b.wait(10 * time.Second)
			b.reads("second", matrix.Running)
		},
		"a suspended one keeps no other from its polls": func(b *bubble) {
			b.operate()
			b.cloud.add("request", time.Minute)
			b.apply("first", ofRequest)
			b.apply("second", ofRequest, suspend(true))
			b.wait(2 * time.Minute)
			b.reads("first", matrix.Succeeded)
			b.reads("second", matrix.Suspended)
		},
		"one that is created after the verdict is polled again": func(b *bubble) {
			b.operate()
			b.cloud.add("request", 0)
			b.apply("first", ofRequest)
			b.wait(5 * time.Second)
			b.apply("second", ofRequest)
			b.wait(5 * time.Second)
			b.reads("second", matrix.Succeeded)
			if polls := len(b.cloud.polled("request")); polls != 2 {
				b.Errorf("%d polls; a request without tasks is forgotten", polls)
			}
		},
		"a deleted one is polled no more": func(b *bubble) {
			b.operate()
			b.cloud.add("request", -1)
			b.apply("task", ofRequest)
			b.wait(5 * time.Second)
			polls := len(b.cloud.polled("request"))
			b.delete("task")
			b.wait(time.Hour)
			if more := len(b.cloud.polled("request")) - polls; more > 0 {
				b.Errorf("%d more polls", more)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}

func TestSuspended(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]func(b *bubble){
		"it is polled no more, and at once when it is resumed": func(b *bubble) {
			b.operate()
			b.cloud.add("task", time.Hour)
			b.apply("task")
			b.wait(30 * time.Minute)
			b.change("task", suspend(true))
			b.wait(time.Second)
			b.reads("task", matrix.Suspended)
			polls := len(b.cloud.polled("task"))
			b.wait(time.Hour)
			if more := len(b.cloud.polled("task")) - polls; more > 0 {
				b.Errorf("%d polls while it was suspended", more)
			}
			b.change("task", suspend(false))
			b.wait(time.Second)
			b.reads("task", matrix.Succeeded)
		},
		"it reads as pending until it is answered": func(b *bubble) {
			b.cloud.latency = 3 * time.Second
			b.operate()
			b.cloud.add("task", -1)
			b.apply("task", suspend(true))
			b.wait(5 * time.Second)
			b.change("task", suspend(false))
			b.wait(time.Second)
			b.reads("task", matrix.Pending)
			b.wait(5 * time.Second)
			b.reads("task", matrix.Running)
		},
		"it is not polled after a restart either": func(b *bubble) {
			b.cloud.add("task", 0)
			b.apply("task", suspend(true))
			stop := b.operate()
			b.wait(time.Minute)
			stop()
			b.operate(func(o *controllers.Options) { o.Slots = 1 })
			b.wait(time.Hour)
			if polls := len(b.cloud.polled("task")); polls > 0 {
				b.Errorf("%d polls", polls)
			}
		},
		"it does not fail at its deadline": func(b *bubble) {
			b.operate()
			b.cloud.add("task", time.Minute)
			b.apply("task", suspend(true), withDeadline(60))
			b.wait(time.Hour)
			b.reads("task", matrix.Suspended)
			b.change("task", suspend(false))
			b.wait(5 * time.Second)
			b.reads("task", matrix.Succeeded)
		},
		"a poll that is out brings its verdict all the same": func(b *bubble) {
			b.cloud.latency = 2 * time.Second
			b.operate()
			b.cloud.add("task", 0)
			b.apply("task")
			b.wait(2 * time.Second)
			b.change("task", suspend(true))
			b.wait(5 * time.Second)
			b.reads("task", matrix.Suspended)
			b.change("task", suspend(false))
			b.wait(5 * time.Second)
			b.reads("task", matrix.Succeeded)
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}
