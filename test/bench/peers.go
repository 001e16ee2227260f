package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// What other programs do today, as far as their waiting goes.
func peers() []strategy {
	return []strategy{
		{"fixed 100 ms", eachAlone(fixed100ms)},
		{"fixed 5 s, error backoff", plainOperator},
		{"2 s under 50/s", slowUnder50()},
		{"0.5 s doubling to 10 s", doubling},
	}
}

// eachAlone follows every job in a goroutine of its own.
func eachAlone(follow func(ctx context.Context, r *run, j *job)) func(context.Context, *run, <-chan *job) {
	return func(ctx context.Context, r *run, jobs <-chan *job) {
		var all sync.WaitGroup
		defer all.Wait()
		for {
			select {
			case <-ctx.Done():
				return
			case j := <-jobs:
				all.Go(func() { follow(ctx, r, j) })
			}
		}
	}
}

// fixed100ms is how tke-extend-network-controller waits: 100 answers, 100 ms
// apart; a throttled call is tried again after a second and does not count.
func fixed100ms(ctx context.Context, r *run, j *job) {
	for answers := 0; answers < 100; {
		state, err := r.poll(ctx, j)
		if err == nil && state != clb.InProgress {
			return
		}
		wait := 100 * time.Millisecond
		if isThrottled(err) {
			wait = time.Second
		} else {
			answers++
		}
		if !pause(ctx, wait) {
			return
		}
	}
	r.giveUp(j)
}

// slowUnder50 is how the ingress controller of bk-bcs waits: every 2 s, 25 tries,
// throttled ones included, all calls under a bucket of 50 a second.
func slowUnder50() func(context.Context, *run, <-chan *job) {
	return func(ctx context.Context, r *run, jobs <-chan *job) {
		limiter := rate.NewLimiter(50, 50)
		eachAlone(func(ctx context.Context, r *run, j *job) {
			for range 25 {
				if limiter.Wait(ctx) != nil {
					return
				}
				if state, err := r.poll(ctx, j); err == nil && state != clb.InProgress {
					return
				}
				if !pause(ctx, 2*time.Second) {
					return
				}
			}
			r.giveUp(j)
		})(ctx, r, jobs)
	}
}

// doubling is how the Terraform provider waits: ten resources at a time, 0.5 s
// doubling to 10 s, and any error of the API ends the wait.
func doubling(ctx context.Context, r *run, jobs <-chan *job) {
	places := make(chan struct{}, 10)
	eachAlone(func(ctx context.Context, r *run, j *job) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
		case <-ctx.Done():
			return
		}
		for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
			state, err := r.poll(ctx, j)
			if err != nil {
				r.giveUp(j)
				return
			}
			if state != clb.InProgress || !pause(ctx, wait) {
				return
			}
		}
	})(ctx, r, jobs)
}

// plainOperator is a controller that requeues after 5 s, with 20 workers and the
// default rate limiter for errors.
func plainOperator(ctx context.Context, r *run, jobs <-chan *job) {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[*job]())
	context.AfterFunc(ctx, queue.ShutDown)
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for {
				j, down := queue.Get()
				if down {
					return
				}
				switch state, err := r.poll(ctx, j); {
				case err != nil:
					queue.AddRateLimited(j)
				case state == clb.InProgress:
					queue.Forget(j)
					queue.AddAfter(j, 5*time.Second)
				}
				queue.Done(j)
			}
		})
	}
	eachAlone(func(_ context.Context, _ *run, j *job) { queue.Add(j) })(ctx, r, jobs)
	workers.Wait()
}
