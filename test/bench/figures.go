package main

import (
	"slices"
	"time"
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
	// probes are the calls a second while all fail, and recovery how many seconds
	// after the first clean answer the full rate is reached.
	probes, recovery float64
	runs             int
}

// measure computes the figures of a run that ends now.
func (r *run) measure(now time.Time, l load) figures {
	f := figures{runs: 1}
	var last, lastEnd time.Time
	calls, n := map[string]int{}, float64(l.counted())
	for _, call := range r.sim.Calls() {
		calls[call.TaskID]++
	}
	for _, j := range r.jobs {
		if j.aside || j.uncounted {
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
		f.latencies = append(f.latencies, l.failures.latency(j, decided, r.begun).Seconds())
		last, lastEnd = latest(last, decided), latest(lastEnd, j.end)
		f.calls += float64(calls[j.id]) / n
	}
	slices.Sort(f.latencies)
	bound := max(lastEnd.Sub(r.begun), time.Duration(l.counted())*time.Second/quota)
	f.makespan = last.Sub(r.begun).Seconds() / bound.Seconds()
	f.throttled = r.sim.Stats().Accounts[account].Throttled
	if l.failures.total() || l.failures.region != "" {
		f.probes = r.probes(l.failures)
	}
	if l.failures.total() {
		f.recovery = r.recovery(l.failures).Seconds()
	}
	return f
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// add adds another repetition.
func (f *figures) add(o figures) {
	n, m := float64(f.runs), float64(o.runs)
	mean := func(a, b float64) float64 { return (a*n + b*m) / (n + m) }
	f.latencies = append(f.latencies, o.latencies...)
	slices.Sort(f.latencies)
	f.makespan, f.calls = mean(f.makespan, o.makespan), mean(f.calls, o.calls)
	f.writes = mean(f.writes, o.writes)
	f.probes, f.recovery = mean(f.probes, o.probes), mean(f.recovery, o.recovery)
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
