package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	// healthy is how long calls are answered before all of them fail.
	healthy = 10 * time.Second
	// reaction is how long a strategy may take to notice that all calls fail: half of
	// the time in which they do, at most this.
	reaction = 10 * time.Second
	// fullRate is the share of the quota that counts as the full rate. With a round
	// trip of 20 ms, 20 slots make at most 19.6 calls a second.
	fullRate = 0.9
)

// failures are what goes wrong with calls: HTTP 500, connections that are reset and
// InternalError, a third each.
type failures struct {
	share   float64 // Of calls that fail, at random. Zero means all that are concerned.
	region  string  // Concerned are those of this region only.
	from    time.Duration
	lasting time.Duration // Zero means that failures go on to the end.
}

// total says that every call fails for some time.
func (f failures) total() bool { return f.lasting > 0 }

// columns are the figures that only loads with failures have.
func (f failures) columns() []string {
	switch {
	case f.total():
		return []string{"calls/s while all fail", "full rate s"}
	case f.region != "":
		return []string{"calls/s of the region that fails"}
	default:
		return nil
	}
}

// arm lets calls fail, at the times that failures have from now on. The shares are
// those of the calls that the faults before left over.
func (f failures) arm(sim *clbsim.Simulator) {
	if f == (failures{}) {
		return
	}
	third := cmp.Or(f.share, 1) / 3
	faults := []clbsim.Fault{
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusInternalServerError, Share: third},
		{Kind: clbsim.Reset, Share: third / (1 - third)},
		{Kind: clbsim.ErrorCode, Code: "InternalError", Message: "An internal error occurred.", Share: min(third/(1-2*third), 1)},
	}
	time.AfterFunc(f.from, func() {
		for _, fault := range faults {
			fault.Region = f.region
			sim.AddFault(fault)
		}
		if f.total() {
			time.AfterFunc(f.lasting, sim.ClearFaults)
		}
	})
}

// knowable returns when it can be known that a task has ended: not before the end
// of the outage that it ends in.
func (f failures) knowable(end, begun time.Time) time.Time {
	from, until := begun.Add(f.from), begun.Add(f.from+f.lasting)
	if f.total() && !end.Before(from) && end.Before(until) {
		return until
	}
	return end
}

// latency returns the time from the end of a task, as far as it can be known, to
// its verdict, without that in which all calls fail.
func (f failures) latency(j *job, decided, begun time.Time) time.Duration {
	from := begun.Add(f.from)
	if f.total() && j.end.Before(from) && decided.After(from) {
		return decided.Sub(j.end) - min(decided.Sub(from), f.lasting)
	}
	return decided.Sub(j.end)
}

// probes returns how many calls a second there are while all of them fail, once
// that could be noticed.
func (r *run) probes(f failures) float64 {
	from, until := r.begun.Add(f.from), r.arrived
	if f.total() {
		until = from.Add(f.lasting)
	}
	from = from.Add(min(reaction, until.Sub(from)/2))
	n := 0.0
	for _, call := range r.sim.Calls() {
		if (f.region == "" || call.Region == f.region) && call.At.After(from) && call.At.Before(until) {
			n++
		}
	}
	return n / until.Sub(from).Seconds()
}

// recovery returns how long after the first clean answer that follows the outage
// the first second with the full rate is over. If there is none, that is now.
func (r *run) recovery(f failures) time.Duration {
	first := r.begun.Add(f.from + f.lasting)
	var after []time.Time
	for _, call := range r.sim.Calls() {
		if !call.At.Before(first) && call.Fault == "" && !call.Throttled {
			after = append(after, call.At)
		}
	}
	slices.SortFunc(after, time.Time.Compare)
	if len(after) > 0 {
		first = after[0]
	}
	const full = int(fullRate * quota)
	for i := range after {
		if i+full <= len(after) && after[i+full-1].Sub(after[i]) < time.Second {
			return after[i+full-1].Sub(first)
		}
	}
	return time.Since(first)
}

// describeFailures says what a load is, and what any program could reach.
func (l load) describeFailures() string {
	arriving := fmt.Sprintf("%d tasks, arriving at %g a second (Poisson).", l.tasks, l.rate)
	if l.rate == 0 {
		arriving = fmt.Sprintf("%d times %d tasks at once, the same as without failures.", l.repeat, l.tasks)
	}
	switch f := l.failures; {
	case f.total():
		return fmt.Sprintf(`%s All calls fail from %v to %v after the begin, with HTTP 500, a reset
connection or InternalError. That time counts for no latency. No program that keeps to the quota has a mean below that of the oracle,
which polls each task once, as soon as its end can be known. The full rate is %d answers within a second; how long that takes counts
from the first answer after the outage.
`, arriving, f.from, f.from+f.lasting, int(fullRate*quota))
	case f.region != "":
		return arriving + ` Every other one is in a region whose calls all fail. The figures are of the tasks in
the other region, which has nearly all of the quota for itself: no bound is known beyond that of 5/s.
`
	case l.twoRegions:
		return arriving + " Every other one is in another region, of the same quota. The figures are of the tasks in one.\n"
	case l.rate == 0:
		return fmt.Sprintf(`%s Half of all calls fail, at random, with HTTP 500, a reset
connection or InternalError. The bound is that without failures; a task needs two calls on average, so any program needs N/%d s or more.
`, arriving, quota/2)
	default:
		return arriving + ` Half of all calls fail, at random, with HTTP 500, a reset connection or
InternalError. That leaves as many answers a task as there are without failures at twice the rate, and so the bound of the mean is the
one of 10/s: 1.82 s for any program that knows how durations are distributed, but not when a task ends.
`
	}
}
