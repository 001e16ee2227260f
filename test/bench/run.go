package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

const (
	quota     = 20 // Requests a second.
	roundTrip = 20 * time.Millisecond
	region    = "ap-guangzhou"
	// secondRegion is that of every other task, in the loads with two.
	secondRegion = "ap-shanghai"
	account      = "bench"
	// warmUp is how long strategies run before the first task; ours polls nothing
	// in its first second.
	warmUp = 1500 * time.Millisecond
	// grace is how long after the last end of a task a strategy may go on.
	grace = time.Minute
)

// job is a task as a strategy sees it.
type job struct {
	arrival
	born time.Time
	// end is when it can be known that the task has ended.
	end time.Time

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
		j.wrong = at.Before(j.end) || (state == clb.Failed) != (j.task.Result == clbsim.Failed)
	}
}

// run is one strategy under one load, with a simulated API of its own.
type run struct {
	sim     *clbsim.Simulator
	server  *httptest.Server
	api     *clb.API
	begun   time.Time      // When the first task may arrive.
	arrived time.Time      // When the last one has.
	settled sync.WaitGroup // One for each task that somebody waits for.
	jobs    []*job

	failures failures
}

// newRun makes a run whose random failures are drawn from a seed.
func newRun(seed uint64) (*run, error) {
	sim := clbsim.New(clbsim.Config{
		Credentials:       []clbsim.Credential{{SecretID: account, SecretKey: account}},
		RequestsPerSecond: quota,
		RoundTrip:         roundTrip,
		Seed:              seed,
	})
	server := httptest.NewServer(sim)
	api, err := newAPI(server.URL)
	if err != nil {
		return nil, err
	}
	return &run{sim: sim, server: server, api: api}, nil
}

// newAPI makes a client for the endpoints that overrides name.
func newAPI(overrides ...string) (*clb.API, error) {
	return realenv.NewAPI(realenv.KeyPair{ID: account, Key: account}, 5*time.Second, overrides...)
}

// poll makes one call for a job, and settles it if the answer is a verdict.
func (r *run) poll(ctx context.Context, j *job) (clb.State, error) {
	status, err := r.api.DescribeTaskStatus(ctx, clb.TaskQuery{Region: j.region, TaskID: j.id})
	if err == nil && status.State != clb.InProgress {
		r.settle(j, status.State, time.Now())
	}
	return status.State, err
}

func (r *run) settle(j *job, state clb.State, at time.Time) {
	j.mu.Lock()
	first := j.decided.IsZero() && !j.gaveUp
	j.mu.Unlock()
	j.settle(state, at)
	if first && !j.aside {
		r.settled.Done()
	}
}

// giveUp notes that a strategy polls a job no more.
func (r *run) giveUp(j *job) {
	j.mu.Lock()
	first := j.decided.IsZero() && !j.gaveUp
	j.gaveUp = true
	j.mu.Unlock()
	if first && !j.aside {
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
	r, err := newRun(seed + uint64(repetition))
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
	r.begin(l.failures)
	r.arrive(ctx, l.arrivals(seed, repetition), func(j *job) { jobs <- j })
	r.wait(ctx)
	figures := r.measure(time.Now(), l)
	cancel()
	<-ended
	return figures, nil
}

// begin lets tasks arrive, and calls fail, from now on.
func (r *run) begin(f failures) {
	r.begun, r.failures = time.Now(), f
	f.arm(r.sim)
}

// arrive lets the tasks of a load begin, each at its time.
func (r *run) arrive(ctx context.Context, all []arrival, begin func(*job)) {
	for _, a := range all {
		if a.alone {
			r.wait(ctx)
		} else {
			pause(ctx, time.Until(r.begun.Add(a.at)))
		}
		j := &job{arrival: a, born: time.Now()}
		j.end = r.failures.knowable(r.sim.AddTask(a.task).End(), r.begun)
		r.jobs = append(r.jobs, j)
		if !a.aside {
			r.settled.Add(1)
		}
		begin(j)
	}
	r.arrived = time.Now()
}

// wait ends when every task that somebody waits for has ended and is settled, or the
// grace is over.
func (r *run) wait(ctx context.Context) {
	last := time.Now()
	for _, j := range r.jobs {
		if !j.aside && j.end.After(last) {
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
