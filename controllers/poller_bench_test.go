package controllers

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

// silent is an API that is never polled.
type silent struct{}

func (silent) Endpoint(clb.Product, string) clb.Endpoint { return clb.Endpoint{Host: "clb.example"} }
func (silent) Account() string                           { return "account" }
func (silent) DescribeTaskStatus(context.Context, clb.TaskQuery) (clb.TaskStatus, error) {
	return clb.TaskStatus{}, context.Canceled
}

// BenchmarkTracked measures what following a task costs beside the informer's own
// copy of the object: the time of a reconcile's part in the poller, and the memory
// kept.
func BenchmarkTracked(b *testing.B) {
	for n := 1000; n <= 1_000_000; n *= 1000 {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			started := metav1.NewTime(time.Now().Add(-time.Minute))
			tasks := make([]*v1alpha1.CLBTask, n)
			for i := range tasks {
				id := strconv.Itoa(i)
				tasks[i] = &v1alpha1.CLBTask{
					ObjectMeta: metav1.ObjectMeta{Namespace: strconv.Itoa(i % 10), Name: id},
					Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: "ap-guangzhou"},
					Status:     v1alpha1.CLBTaskStatus{StartTime: &started},
				}
			}
			before := heapBytes()
			p, err := newPoller(silent{}, nil, nil, lifecycle.Policy{}, 20)
			if err != nil {
				b.Fatal(err)
			}
			follow := func(task *v1alpha1.CLBTask) {
				p.look(requestOf(task))
				p.track(task, lifecycle.Decision{}, time.Now())
			}
			for _, task := range tasks {
				follow(task)
			}
			size := heapBytes() - before
			b.ResetTimer()
			for i := range b.N {
				follow(tasks[i%n])
			}
			b.ReportMetric(float64(size)/float64(n), "bytes/task")
			runtime.KeepAlive(p)
		})
	}
}

func heapBytes() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
