package clbsim

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// discard is a ResponseWriter that costs next to nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkServeHTTP asks for one of n tasks, verified and counted as always.
func BenchmarkServeHTTP(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(fmt.Sprint("tasks=", n), func(b *testing.B) {
			s, at := newTestSimulator(Config{RequestsPerSecond: 1_000_000, LogLimit: 100_000})
			tasks := make([]Task, n)
			for i := range tasks {
				tasks[i] = Task{ID: fmt.Sprint("task-", i), Duration: time.Hour}
			}
			s.AddTasks(tasks)
			const body = `{"TaskId":"task-0"}`
			r := signedRequest(at.now(), body, nil)
			reader := strings.NewReader(body)
			r.Body = io.NopCloser(reader)
			w := discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				at.advance(100 * time.Microsecond)
				s.ServeHTTP(w, r)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			if calls := s.Calls(); calls[len(calls)-1].Status == nil {
				b.Fatalf("the last call is %+v", calls[len(calls)-1])
			}
		})
	}
}
