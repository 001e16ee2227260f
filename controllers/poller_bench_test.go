package controllers

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// BenchmarkTracked measures what following a task costs beside the informer's own
// copy of the object: the time to ask for a turn, and the memory kept.
func BenchmarkTracked(b *testing.B) {
	for n := 1000; n <= 1_000_000; n *= 1000 {
		b.Run(fmt.Sprintf("tasks=%d", n), func(b *testing.B) {
			api, err := clb.NewAPI(clb.Endpoints{}, time.Second)
			if err != nil {
				b.Fatal(err)
			}
			created := metav1.NewTime(time.Now().Add(-time.Minute))
			tasks := make([]*v1alpha1.CLBTask, n)
			for i := range tasks {
				id := strconv.Itoa(i)
				tasks[i] = &v1alpha1.CLBTask{
					ObjectMeta: metav1.ObjectMeta{Namespace: strconv.Itoa(i % 10), Name: id, UID: types.UID(id), CreationTimestamp: created},
					Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: "ap-guangzhou"},
				}
			}
			before := heapBytes()
			p, err := newPoller(api, &rotating{id: "id"}, Options{Slots: 20, Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			follow := func(task *v1alpha1.CLBTask) {
				p.look(types.NamespacedName{Namespace: task.Namespace, Name: task.Name}, task.UID)
				if err := p.ask(b.Context(), task); err != nil {
					b.Fatal(err)
				}
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
