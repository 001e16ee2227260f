package main

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
)

// found is a result, as the page's text tells it.
type found struct {
	Mean, Calls       string
	Throttled, GaveUp int
}

// Of returns the result of a strategy under a load; nil if it was not measured.
func (p page) Of(load, strategy string) *found {
	for _, r := range p.results {
		if r.load.name == load && r.strategy == strategy {
			return &found{
				Mean: seconds(r.mean()), Calls: trim(r.calls), Throttled: r.throttled, GaveUp: r.gaveUp,
			}
		}
	}
	return nil
}

// Bounds are the rows of the loads that have a bound: how near the operator comes.
func (p page) Bounds() [][]string {
	rows := [][]string{{"load", "the bound, mean s", "the operator, mean s", "ratio", "p99 s", "calls/task"}}
	for _, r := range p.results {
		if least := r.load.bound(r.calls); least > 0 && r.strategy == wholeOperator {
			rows = append(rows, []string{r.load.name, seconds(least), seconds(r.mean()), r.overBound(), seconds(r.quantile(0.99)), seconds(r.calls)})
		}
	}
	return rows
}

// Others are the rows of all strategies under a load: what they reach, and what that costs.
func (p page) Others(load string) [][]string {
	rows := [][]string{{"at " + load, "mean s", "p99 s", "calls/task", "throttled calls", "tasks given up"}}
	for _, r := range p.results {
		if r.load.name == load {
			rows = append(rows, []string{
				r.strategy, seconds(r.mean()), seconds(r.quantile(0.99)), seconds(r.calls), strconv.Itoa(r.throttled), strconv.Itoa(r.gaveUp),
			})
		}
	}
	return rows
}

// whys say why a goal of a load is missed, if one is.
var whys = map[string]string{
	"200 at once":     "Calls a task depend on the durations drawn: see the last lines of the orders of the queue, below.",
	"2000 stuck, 3/s": "The stuck tasks teach that tasks of every age go on. Only new tasks that end teach otherwise, so the first ones are detected late.",
	aloneOneKind:      "The goal for nine calls is the bound itself. The operator makes one call at once, since a task may be over before it is followed, which the bound does not; and its verdict goes through the API server.",
	aloneFiveKinds:    "As with one kind: the first call is made at once, and the verdict goes through the API server.",
}

// Missed says of each load with a goal that is missed why that is.
func (p page) Missed() (lines []string) {
	for _, g := range p.Goals {
		why, known := whys[g.load]
		if line := g.load + ". " + why; known && !g.reached() && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

var decision = regexp.MustCompile(`BenchmarkDecision/tasks=1000000\S*\s+\d+\s+([\d.]+) ns/op\s+([\d.]+) bytes/task`)

// costGoals reads what a decision costs from the output of Go benchmarks.
func costGoals(cost string) ([]goal, error) {
	if cost == "" {
		return nil, nil
	}
	figures := decision.FindStringSubmatch(cost)
	if figures == nil {
		return nil, errors.New("the file of -cost has no BenchmarkDecision with 1,000,000 tasks")
	}
	nanoseconds, err := strconv.ParseFloat(figures[1], 64)
	if err != nil {
		return nil, err
	}
	bytes, err := strconv.ParseFloat(figures[2], 64)
	const load = "1,000,000 tasks in the scheduler"
	return []goal{
		{load: load, what: "a decision, µs", limit: 3, measured: nanoseconds / 1000},
		{load: load, what: "bytes a task", limit: 200, measured: bytes},
	}, err
}
