package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	quota     = 20 // Requests a second.
	roundTrip = 20 * time.Millisecond
	region    = "ap-guangzhou"
	account   = "bench"
	// warmUp is how long strategies run before the first task; ours asks nothing
	// in its first second.
	warmUp = 1500 * time.Millisecond
	// grace is how long after the last end of a task a strategy may go on.
	grace = time.Minute
)

// job is a task as a strategy sees it.
type job struct {
	arrival
	born, end time.Time

	mu      sync.Mutex
	decided time.Time
	wrong   bool
	gaveUp  bool
}

// settle notes the verdict that a strategy came to.
func (j *job) settle(state clb.State, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.decided.IsZero() {
		j.decided = at
		j.wrong = at.Before(j.end) || (state == clb.Succeeded) != (j.task.Outcome == clbsim.Succeeded)
	}
}

// run is one strategy under one load, with a simulated API of its own.
type run struct {
	sim     *clbsim.Simulator
	server  *clbsim.Server
	api     *clb.API
	begun   time.Time
	settled sync.WaitGroup // One for each task that ends.
	jobs    []*job
}

func newRun() (*run, error) {
	sim := clbsim.New(clbsim.Config{
		Credentials:       []clbsim.Credential{{SecretID: account, SecretKey: account}},
		RequestsPerSecond: quota,
		RoundTrip:         roundTrip,
	})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	endpoints, err := clb.NewEndpoints("", server.URL)
	if err != nil {
		return nil, err
	}
	api, err := clb.NewAPI(endpoints, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &run{sim: sim, server: server, api: api}, nil
}

// ask makes one call about a job, and settles it where the answer is final.
func (r *run) ask(ctx context.Context, j *job) (clb.State, error) {
	answer, err := r.api.DescribeTaskStatus(ctx, clb.Question{
		Region: region, TaskID: j.id, Credential: clb.NewCredential(account, account, ""),
	})
	if err == nil && answer.State != clb.InProgress {
		r.settle(j, answer.State, time.Now())
	}
	return answer.State, err
}

func (r *run) settle(j *job, state clb.State, at time.Time) {
	j.mu.Lock()
	first := j.decided.IsZero() && !j.gaveUp
	j.mu.Unlock()
	j.settle(state, at)
	if first && j.task.Outcome != clbsim.Stuck {
		r.settled.Done()
	}
}

// giveUp notes that a strategy asks no more about a job.
func (r *run) giveUp(j *job) {
	j.mu.Lock()
	first := j.decided.IsZero() && !j.gaveUp
	j.gaveUp = true
	j.mu.Unlock()
	if first && j.task.Outcome != clbsim.Stuck {
		r.settled.Done()
	}
}

// strategy follows every job of a channel until its context ends.
type strategy struct {
	name   string
	follow func(ctx context.Context, r *run, jobs <-chan *job)
}

// execute puts a load on a strategy and measures it.
func execute(ctx context.Context, s strategy, l load, seed uint64, repetition int) (figures, error) {
	r, err := newRun()
	if err != nil {
		return figures{}, fmt.Errorf("%s: %w", s.name, err)
	}
	defer r.server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan *job, l.tasks+l.stuck)
	ended := make(chan struct{})
	go func() {
		s.follow(ctx, r, jobs)
		close(ended)
	}()
	pause(ctx, warmUp)
	r.begun = time.Now()
	r.arrive(ctx, l.arrivals(seed, repetition), func(j *job) { jobs <- j })
	r.wait(ctx)
	figures := r.measure(time.Now(), l)
	cancel()
	<-ended
	return figures, nil
}

// arrive lets the tasks of a load begin, each at its time.
func (r *run) arrive(ctx context.Context, all []arrival, begin func(*job)) {
	for _, a := range all {
		pause(ctx, time.Until(r.begun.Add(a.at)))
		j := &job{arrival: a, born: time.Now()}
		a.task.Created = j.born
		j.end = r.sim.AddTask(a.task).End()
		r.jobs = append(r.jobs, j)
		if a.task.Outcome != clbsim.Stuck {
			r.settled.Add(1)
		}
		begin(j)
	}
}

// wait ends when every task that ends has done so and is settled, or the grace is
// over.
func (r *run) wait(ctx context.Context) {
	last := time.Now()
	for _, j := range r.jobs {
		if j.end.After(last) {
			last = j.end
		}
	}
	done := make(chan struct{})
	go func() {
		r.settled.Wait()
		close(done)
	}()
	limit := time.NewTimer(time.Until(last.Add(grace)))
	defer limit.Stop()
	select {
	case <-done:
		pause(ctx, time.Until(last)) // Where all were given up before their end.
	case <-limit.C:
	case <-ctx.Done():
	}
}

// pause waits, unless the context ends first. It reports whether it does not.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
