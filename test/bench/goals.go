package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// goal is a figure that the project has set itself, and what was measured.
type goal struct {
	load, what      string
	limit, measured float64
	// atLeast says that the limit is a lower one.
	atLeast bool
}

func (g goal) reached() bool {
	if g.atLeast {
		return g.measured >= g.limit
	}
	return g.measured <= g.limit
}

// loadGoals are the goals of the loads that every strategy has.
func loadGoals(l load, f figures) []goal {
	lost := float64(f.gaveUp + f.undecided + f.wrong)
	throttled := float64(f.throttled)
	at := func(what string, limit, measured float64) goal {
		return goal{load: l.name, what: what, limit: limit, measured: measured}
	}
	switch fails := l.failures; {
	case fails.total():
		return []goal{
			at("calls a second while all fail", 1, f.probes), at("s from the first answer after that to the full rate", 5, f.recovery), at("lost", 0, lost),
		}
	case fails.region != "":
		return []goal{at("calls a second of the region that fails", 1, f.probes), at("lost in the other region", 0, lost)}
	case fails.share > 0 && l.rate > 0:
		return []goal{at("mean latency, s", 2.5, f.mean()), at("p99 latency, s", 8, f.quantile(0.99)), at("lost", 0, lost)}
	case fails.share > 0:
		return []goal{at("lost", 0, lost)}
	}
	switch l.name {
	case aloneOneKind:
		return []goal{at("mean latency, s", 0.3, f.mean()), at("p99 latency, s", 0.8, f.quantile(0.99)), at("calls a task", 9, f.calls)}
	case aloneFiveKinds:
		return []goal{at("mean latency, s", 0.2, f.mean()), at("calls a task", 7, f.calls)}
	case known5:
		return []goal{at("mean latency, s", 0.33, f.mean())}
	case known10:
		return []goal{at("mean latency, s", 0.72, f.mean())}
	case known15:
		return []goal{at("mean latency, s", 1.45, f.mean())}
	case "200 at once":
		return []goal{at("mean latency, s", 4.7, f.mean()), at("calls a task", 1.8, f.calls), at("throttled", 0, throttled)}
	case "1000 at once":
		return []goal{
			at("makespan over its bound", 1.15, f.makespan), at("calls a task", 1.15, f.calls),
			at("throttled", 0, throttled), at("lost", 0, lost),
		}
	case "5/s":
		return []goal{at("mean latency, s", 0.79, f.mean())}
	case "10/s":
		return []goal{
			at("mean latency, s", 1.87, f.mean()), at("p99 latency, s", 5, f.quantile(0.99)),
			at("calls a task", 2.6, f.calls), at("throttled", 0, throttled), at("lost", 0, lost),
		}
	case "2000 stuck, 3/s":
		return []goal{at("mean latency, s", 0.6, f.mean())}
	default:
		return nil
	}
}

// likeGoals compare a load with the same one without failures, or without hints.
func likeGoals(l load, f, without figures) []goal {
	if l.hints != noHints {
		limit := 1.0
		if l.hints == wrongHints {
			limit = 1.05
		}
		return []goal{{load: l.name, what: "mean latency (kinds not known: 1)", limit: limit, measured: f.mean() / without.mean()}}
	}
	at := func(what string, limit, measured float64) goal {
		return goal{load: l.name, what: what + " (without failures: 1)", limit: limit, measured: measured}
	}
	if l.failures.region != "" {
		return []goal{
			at("mean latency of the other region", 1, f.mean()/without.mean()),
			at("p99 latency of the other region", 1, f.quantile(0.99)/without.quantile(0.99)),
		}
	}
	return []goal{at("makespan", 2.5, f.makespan/without.makespan)}
}

// newcomers measures how long the one task of another namespace takes while one
// namespace keeps the quota busy with 2000.
func (c *cluster) newcomers(ctx context.Context, name string) ([]goal, error) {
	const busy, newcomers, lasts = 2000, 5, 8 * time.Second
	const limit = lasts/10 + 300*time.Millisecond
	r, err := newRun(0)
	if err != nil {
		return nil, err
	}
	defer r.server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var spaces []string
	var seen []*observer
	for range 1 + newcomers {
		name, err := c.namespace(ctx)
		if err != nil {
			return nil, err
		}
		o, err := c.observe(ctx, r, name)
		if err != nil {
			return nil, err
		}
		spaces, seen = append(spaces, name), append(seen, o)
	}
	ended, err := c.operate(ctx, r, spaces...)
	if err != nil {
		return nil, err
	}
	r.begin(failures{})
	if err := c.submitAll(ctx, r, seen[0], spaces[0], load{stuck: busy}.arrivals(1, 0)); err != nil {
		return nil, err
	}
	pause(ctx, 10*time.Second)
	first, verdict := 0.0, math.Inf(-1)
	for i := range newcomers {
		begun := time.Now()
		id := fmt.Sprintf("newcomer-%d", i)
		all := []arrival{{id: id, region: region, task: clbsim.Task{ID: id, Duration: lasts}}}
		if err := c.submitAll(ctx, r, seen[1+i], spaces[1+i], all); err != nil {
			return nil, err
		}
		r.wait(ctx)
		j := r.jobs[len(r.jobs)-1]
		answered, decided := seen[1+i].when(j)
		first, verdict = max(first, answered.Sub(begun).Seconds()), max(verdict, decided.Sub(j.end).Seconds())
		if decided.Sub(j.end) > limit {
			// Either it was polled late, or the answer or its write was lost.
			fmt.Printf("%s: %v late, polled at (s from its end): %s\n", id, decided.Sub(j.end), r.polled(j))
		}
	}
	cancel()
	ended()
	return []goal{
		{load: name, what: "first answer seen, s (worst of 5)", limit: 0.5, measured: first},
		{load: name, what: "verdict seen, s (worst of 5; 10 % of its age + 0.3)", limit: limit.Seconds(), measured: verdict},
	}, nil
}

// when returns when a job was first seen as running, and when as decided; now if it
// was not.
func (o *observer) when(j *job) (running, decided time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	running, decided = o.running[j.id], j.decided
	for _, at := range []*time.Time{&running, &decided} {
		if at.IsZero() {
			*at = time.Now()
		}
	}
	return running, decided
}

// polled lists when a job was polled, in seconds from its end.
func (r *run) polled(j *job) string {
	var text strings.Builder
	for _, call := range r.sim.CallsFor(j.id) {
		fmt.Fprintf(&text, " %.2f%s", call.At.Sub(j.end).Seconds(), call.Code)
	}
	return text.String()
}

// shared measures how the operator gets on with another program that takes 12 of
// the 20 requests a second.
func (c *cluster) shared(ctx context.Context, name string, seed uint64) ([]goal, error) {
	const others, settling, lasting = 12, 10 * time.Second, 90 * time.Second
	r, err := newRun(0)
	if err != nil {
		return nil, err
	}
	defer r.server.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	namespace, err := c.namespace(ctx)
	if err != nil {
		return nil, err
	}
	o, err := c.observe(ctx, r, namespace)
	if err != nil {
		return nil, err
	}
	ended, err := c.operate(ctx, r, namespace)
	if err != nil {
		return nil, err
	}
	r.begin(failures{})
	go r.pollBeside(ctx, others)
	busy := load{kinds: bound.OneKind, tasks: 300, rate: 300 / (settling + lasting).Seconds(), stuck: 100}
	if err := c.submitAll(ctx, r, o, namespace, busy.arrivals(seed, 0)); err != nil {
		return nil, err
	}
	end := r.begun.Add(settling + lasting)
	pause(ctx, time.Until(end))
	var calls, throttled, allThrottled float64
	for _, call := range r.sim.Calls() {
		if call.TaskID == besides {
			continue
		}
		refused := 0.0
		if call.Throttled {
			refused = 1
		}
		allThrottled += refused
		if call.At.After(r.begun.Add(settling)) && call.At.Before(end) {
			calls++
			throttled += refused
		}
	}
	f := r.measure(time.Now(), busy)
	cancel()
	ended()
	return []goal{
		{load: name, what: "throttled share, %", limit: 3, measured: 100 * throttled / calls},
		{load: name, what: "our answered calls, % of what is left", limit: 80, measured: 100 * (calls - throttled) / lasting.Seconds() / (quota - others), atLeast: true},
		{load: name, what: "wrong verdicts", limit: 0, measured: float64(f.wrong)},
		{load: name, what: "throttled in the first 10 s, calls", limit: quota, measured: allThrottled - throttled},
	}, nil
}

// besides is the task that another program polls.
const besides = "of-another-program"

// pollBeside polls as another program does, with the same key and so many times
// a second, until the context ends.
func (r *run) pollBeside(ctx context.Context, perSecond int) {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			go func() { _, _ = r.api.DescribeTaskStatus(ctx, clb.TaskQuery{Region: region, TaskID: besides}) }()
		}
	}
}
