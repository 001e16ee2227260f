package main

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// ourStrategy is what results call ours.
const ourStrategy = "ours"

// ours is the polling of this project, without Kubernetes around it.
func ours(ctx context.Context, r *run, jobs <-chan *job) {
	var scheduler *polling.Scheduler[*job]
	var calls sync.WaitGroup
	scheduler, err := polling.New(quota, func(j *job, turn *polling.Turn[*job]) {
		calls.Add(1)
		defer calls.Done()
		state, err := r.poll(ctx, j)
		turn.Return(outcome(state, err), 0)
		if err == nil && state != clb.InProgress {
			scheduler.Forget(j)
		}
	})
	if err != nil {
		panic(err)
	}
	scheduler.Start()
	defer calls.Wait()
	defer scheduler.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-jobs:
			scheduler.Track(polling.Task[*job]{
				Key: j, Bucket: polling.Bucket{Host: "clb", Account: account}, Region: j.region, Kind: j.action, Age: time.Since(j.born),
			})
		}
	}
}

func isThrottled(err error) bool {
	var failed *clb.Error
	return errors.As(err, &failed) && failed.Problem == clb.ProblemThrottled
}

func outcome(state clb.State, err error) polling.Outcome {
	switch {
	case isThrottled(err):
		return polling.Throttled
	case err != nil:
		return polling.EndpointFailed
	case state == clb.InProgress:
		return polling.InProgress
	default:
		return polling.Finished
	}
}

// underSlots polls with the same slots as ours, in another order: the job whose
// time comes first is next. again says when to poll a job again.
func underSlots(first, again func(*job) time.Time) func(context.Context, *run, <-chan *job) {
	return func(ctx context.Context, r *run, jobs <-chan *job) {
		var mu sync.Mutex
		var waiting jobHeap
		var calls sync.WaitGroup
		defer calls.Wait()
		put := func(j *job, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			heap.Push(&waiting, timed{j, at})
		}
		for range quota {
			calls.Go(func() {
				for pause(ctx, time.Millisecond) {
					mu.Lock()
					var next *job
					if len(waiting) > 0 && !waiting[0].at.After(time.Now()) {
						next = heap.Pop(&waiting).(timed).job
					}
					mu.Unlock()
					if next == nil {
						continue
					}
					if state, err := r.poll(ctx, next); err != nil || state == clb.InProgress {
						put(next, again(next))
					}
					pause(ctx, polling.Window)
				}
			})
		}
		for {
			select {
			case <-ctx.Done():
				return
			case j := <-jobs:
				put(j, first(j))
			}
		}
	}
}

func references() []strategy {
	soon := func(*job) time.Time { return time.Now().Add(100 * time.Millisecond) }
	return []strategy{
		{"round robin, same slots", underSlots(func(j *job) time.Time { return j.born }, soon)},
		{"oracle, same slots", underSlots(func(j *job) time.Time {
			if j.end.IsZero() {
				return j.born.Add(24 * time.Hour) // Stuck.
			}
			return j.end
		}, soon)},
	}
}

type timed struct {
	job *job
	at  time.Time
}

// jobHeap implements heap.Interface.
type jobHeap []timed

func (h jobHeap) Len() int           { return len(h) }
func (h jobHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h jobHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *jobHeap) Push(x any) { *h = append(*h, x.(timed)) }

// Pop implements heap.Interface.
func (h *jobHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
