// Package bound computes how late the end of a task must be noticed at least, by any way to
// poll that knows how durations are distributed but not when a task ends. The
// benchmarks measure against it.
//
// The quota is relaxed to its average: each call has a price, and the best times to poll one
// task are found by dynamic programming over its age. At the price at which the expected
// calls of a task are as many as the quota allows, their latency is the bound. It is
// the Lagrangian relaxation behind Whittle's index, so it holds for every program that keeps to the
// quota in steady state.
package bound

import (
	"math"
	"time"
)

const (
	longest = float64(Longest / time.Second)
	first   = 0.02
	points  = 420
)

// Latency returns the least mean latency in seconds, if a task may cost so many calls
// on average, and a call takes no time. Known says that the kind of each task is known.
func Latency(kinds []Kind, known bool, calls float64) float64 {
	var groups []*group
	if known {
		for _, k := range kinds {
			groups = append(groups, newGroup(k.Share, []Kind{{1, k.Median, k.Sigma}}))
		}
	} else {
		groups = []*group{newGroup(1, kinds)}
	}
	least, most := 1e-4, 50.0
	bound := 0.0
	for range 40 {
		price := math.Sqrt(least * most)
		var needed, latency float64
		for _, g := range groups {
			c, l := g.solve(price)
			needed += g.share * c
			latency += g.share * l
		}
		// At some prices the best polls jump to fewer calls. Then no policy is between, but tasks may be
		// polled by either.
		bound = latency + price*(needed-calls)
		if needed > calls {
			least = price
		} else {
			most = price
		}
	}
	return bound
}

// group is tasks that cannot be told apart.
type group struct {
	share float64
	// By the point of a grid of ages: the age in seconds, the probability of being unfinished,
	// and its integral.
	ages, alive, lived [points + 1]float64
}

func newGroup(share float64, kinds []Kind) *group {
	g := &group{share: share}
	g.alive[0] = 1
	for i := range points {
		age := first * math.Pow(longest/first, float64(i)/(points-1))
		g.ages[i+1], g.alive[i+1] = age, unfinished(kinds, age)
		const steps = 6
		width := (age - g.ages[i]) / steps
		g.lived[i+1] = g.lived[i]
		for step := range steps {
			g.lived[i+1] += unfinished(kinds, g.ages[i]+width*(float64(step)+0.5)) * width
		}
	}
	return g
}

// unfinished returns the probability that a task has not finished at an age.
func unfinished(kinds []Kind, age float64) (p float64) {
	if age >= longest {
		return 0
	}
	for _, k := range kinds {
		p += k.Share * math.Erfc(math.Log(age/k.Median)/k.Sigma/math.Sqrt2) / 2
	}
	return p
}

// late returns how long an end between two ages is unnoticed until the second, on average.
func (g *group) late(from, to int) float64 {
	return g.alive[from]*(g.ages[to]-g.ages[from]) - (g.lived[to] - g.lived[from])
}

// solve returns the calls and the latency of a task that is polled at the times that
// are best at a price.
func (g *group) solve(price float64) (calls, latency float64) {
	var ahead [points + 1]float64 // What is yet to be paid, times the probability to get there.
	var next [points + 1]int
	for i := points - 1; i >= 0; i-- {
		ahead[i], next[i] = math.Inf(1), points
		for j := i + 1; j <= points; j++ {
			late := g.late(i, j)
			if cost := price*g.alive[i] + late + ahead[j]; cost < ahead[i] {
				ahead[i], next[i] = cost, j
			}
			if late > ahead[i] {
				break
			}
		}
	}
	for i := 0; i < points && g.alive[i] > 1e-12; i = next[i] {
		calls += g.alive[i]
		latency += g.late(i, next[i])
	}
	return calls, latency
}
