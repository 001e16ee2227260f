package controllers_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// A verdict that could not be written yet outlives the suspension of its task.

// tracks checks how many requests the operator knows.
func (b *bubble) tracks(want int) {
	b.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	got := 0
	for _, family := range families {
		if family.GetName() == "clbtask_tracked_requests" {
			for _, host := range family.GetMetric() {
				got += int(host.GetGauge().GetValue())
			}
		}
	}
	if got != want {
		b.Errorf("%d requests are tracked, want %d", got, want)
	}
}

// unwritten starts an operator with tasks of one request whose verdict it knows, and
// cannot write.
func (b *bubble) unwritten(err error, names ...string) {
	b.Helper()
	b.operate()
	b.cloud.add("request", 0)
	b.cluster.SetFault(refuse(err))
	for _, name := range names {
		b.apply(name, ofRequest)
	}
	b.wait(10 * time.Second)
	b.tracks(1)
}

// A verdict outlives a suspension.
func TestVerdictAndSuspension(t *testing.T) {
	away := apierrors.NewInternalError(errors.New("no"))
	// once checks that the request was polled once and is forgotten.
	once := func(b *bubble) {
		if polls := len(b.cloud.polled("request")); polls != 1 {
			b.Errorf("%d polls; the verdict was known after one", polls)
		}
		b.tracks(0)
	}
	// written lets writes succeed, and checks that the verdict is then written.
	written := func(b *bubble, name string) {
		b.Helper()
		b.cluster.SetFault(nil)
		b.wait(20 * time.Second)
		b.reads(name, matrix.Succeeded)
		once(b)
	}
	for sentence, test := range map[string]func(b *bubble){
		"while the API server fails": func(b *bubble) {
			b.unwritten(away, "task")
			b.change("task", suspend(true))
			b.wait(time.Hour)
			written(b, "task")
		},
		"while every write meets a conflict": func(b *bubble) {
			b.unwritten(apierrors.NewConflict(tasksResource, "task", errors.New("modified")), "task")
			b.change("task", suspend(true))
			b.wait(time.Minute)
			written(b, "task")
		},
		"that is taken back": func(b *bubble) {
			b.unwritten(away, "task")
			b.change("task", suspend(true))
			b.wait(time.Minute)
			b.change("task", suspend(false))
			b.wait(time.Minute)
			b.change("task", suspend(true))
			b.wait(time.Minute)
			written(b, "task")
		},
		"for every task of the request, although one is written long before the other": func(b *bubble) {
			b.unwritten(away, "first", "second")
			b.change("first", suspend(true))
			b.change("second", suspend(true))
			b.wait(time.Minute)
			b.cluster.SetFault(func(r *http.Request) error {
				if strings.HasSuffix(r.URL.Path, "/second/status") {
					return away
				}
				return nil
			})
			b.wait(time.Minute)
			b.reads("first", matrix.Succeeded)
			written(b, "second")
		},
		"but not the deletion of the task": func(b *bubble) {
			b.unwritten(away, "task")
			b.change("task", suspend(true))
			b.wait(time.Minute)
			b.delete("task")
			b.wait(time.Second)
			once(b)
		},
		"but not the replacement of the task": func(b *bubble) {
			b.unwritten(away, "task")
			b.change("task", suspend(true))
			b.wait(time.Minute)
			b.cluster.Expire(func() {
				b.delete("task")
				b.apply("task", suspend(true))
			})
			b.wait(time.Minute)
			once(b)
		},
		"but is not given to a task that is suspended all along": func(b *bubble) {
			b.operate()
			b.cloud.add("request", time.Minute)
			b.apply("first", ofRequest)
			b.apply("second", ofRequest, suspend(true))
			b.wait(time.Hour)
			b.reads("first", matrix.Succeeded)
			b.reads("second", matrix.Suspended)
			b.tracks(0)
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}

// A suspended task is not polled while writes fail.
func TestSuspendedWhileWritesFail(t *testing.T) {
	inBubble(t, func(b *bubble) {
		b.operate()
		b.cloud.add("task", -1)
		b.apply("task")
		b.wait(5 * time.Second)
		b.cluster.SetFault(refuse(errors.New("the API server is away")))
		b.change("task", suspend(true))
		b.wait(time.Second)
		polls := len(b.cloud.polled("task"))
		b.wait(time.Hour)
		if more := len(b.cloud.polled("task")) - polls; more > 0 {
			b.Errorf("%d polls", more)
		}
		b.tracks(0)
	})
}
