package main

import (
	"slices"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// figures is what one strategy did under one load. Latencies are seconds from a
// task's end to its verdict, sorted; one that got none counts up to the end of
// the run.
type figures struct {
	latencies []float64
	makespan  float64 // Over its lower bound.
	calls     float64 // A task.
	throttled int
	gaveUp    int
	undecided int
	wrong     int
	writes    float64 // Of status, a task; the operator only.
	// duration is the mean duration of a task, in seconds.
	duration float64
	runs     int
}

// measure works the figures of a run out, now that it ends.
func (r *run) measure(now time.Time, l load) figures {
	f := figures{runs: 1}
	var last, lastEnd time.Time
	calls := map[string]int{}
	for _, call := range r.sim.Calls() {
		calls[call.TaskID]++
	}
	for _, j := range r.jobs {
		if j.task.Outcome == clbsim.Stuck {
			continue
		}
		j.mu.Lock()
		decided := j.decided
		switch {
		case j.wrong:
			f.wrong++
		case !decided.IsZero():
		case j.gaveUp:
			f.gaveUp++
		default:
			f.undecided++
		}
		j.mu.Unlock()
		if decided.IsZero() {
			decided = now
		}
		latency := decided.Sub(j.end).Seconds()
		f.latencies = append(f.latencies, latency)
		f.duration += j.task.Duration.Seconds() / float64(l.tasks)
		last, lastEnd = latest(last, decided), latest(lastEnd, j.end)
		f.calls += float64(calls[j.id]) / float64(l.tasks)
	}
	slices.Sort(f.latencies)
	bound := max(lastEnd.Sub(r.begun), time.Duration(l.tasks)*time.Second/quota)
	f.makespan = last.Sub(r.begun).Seconds() / bound.Seconds()
	f.throttled = r.sim.Stats().Accounts[account].Throttled
	return f
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// add takes in another repetition.
func (f *figures) add(o figures) {
	n, m := float64(f.runs), float64(o.runs)
	mean := func(a, b float64) float64 { return (a*n + b*m) / (n + m) }
	f.latencies = append(f.latencies, o.latencies...)
	slices.Sort(f.latencies)
	f.makespan, f.calls = mean(f.makespan, o.makespan), mean(f.calls, o.calls)
	f.writes, f.duration = mean(f.writes, o.writes), mean(f.duration, o.duration)
	f.throttled += o.throttled
	f.gaveUp += o.gaveUp
	f.undecided += o.undecided
	f.wrong += o.wrong
	f.runs += o.runs
}

func (f *figures) mean() float64 {
	var sum float64
	for _, l := range f.latencies {
		sum += l
	}
	return sum / float64(max(len(f.latencies), 1))
}

// quantile returns the latency that a share of the tasks stays within.
func (f *figures) quantile(share float64) float64 {
	if len(f.latencies) == 0 {
		return 0
	}
	return f.latencies[min(int(share*float64(len(f.latencies))), len(f.latencies)-1)]
}
