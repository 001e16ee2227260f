package polling

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

var compareTo = flag.String("compare", "", "write the comparison of orders, in virtual time, to this `file`")

// The orders that are compared. The last two know or do what no program can.
var orders = []struct {
	name    string
	planner planner
	oracle  bool
}{
	{name: "planned, learned (ours)", planner: (*hazard).solve},
	{name: "index of a constant hazard, learned", planner: byIndex},
	{name: "round robin", planner: byWait},
	{name: "planned, true durations", planner: knowing(bound.OneKind)},
	{name: "oracle that knows each end", planner: (*hazard).solve, oracle: true},
}

// byWait plans polls a fixed time apart. So the task that waited longest is polled first.
func byWait(h *hazard) {
	for level := range h.plan {
		for band := range h.plan[level] {
			h.plan[level][band] = float32(bandStarts[band] + math.Exp2(float64(level))/10)
		}
	}
}

// byIndex plans polls as if the rate of an age were that of all later ones: then with r the rate, S the
// probability that the task is unfinished and c the price, (1-S)²/(r·S) - ∫(1-S) = c.
func byIndex(h *hazard) {
	for level := range h.plan {
		price := priceOf(level)
		for band, begin := range bandStarts[:bandCount] {
			least, most := 1e-2, 1e6
			for range 16 {
				wait := math.Sqrt(least * most)
				end := begin + wait
				accumulated := min(h.until(end)-h.until(begin), certain)
				unfinished, finished := math.Exp(-accumulated), -math.Expm1(-accumulated)
				undetected := wait * (1 - finished/accumulated)
				if finished*finished/(h.rates[bandOf(end)]*unfinished)-undetected > price {
					most = wait
				} else {
					least = wait
				}
			}
			h.plan[level][band] = float32(begin + most)
		}
	}
}

// knowing plans polls of tasks whose kinds last as they do.
func knowing(kinds []bound.Kind) planner {
	return func(h *hazard) {
		for band := range h.rates {
			h.rates[band] = trueRate(kinds, (bandStarts[band]+bandStarts[band+1])/2)
		}
		h.solve()
	}
}

// virtual is a load in virtual time: tasks at once or at a rate, beside some that
// never end and are there for long.
type virtual struct {
	tasks int
	rate  float64
	stuck int
}

var virtualLoads = []virtual{
	{tasks: 600, rate: 5}, {tasks: 1000, rate: 10}, {tasks: 1000, rate: 15},
	{tasks: 300, rate: 5, stuck: 500}, {tasks: 200, rate: 3, stuck: 2000},
	{tasks: 200}, {tasks: 1000},
}

func (v virtual) String() string {
	switch {
	case v.stuck > 0:
		return fmt.Sprintf("%d stuck permanently, %g/s", v.stuck, v.rate)
	case v.rate > 0:
		return fmt.Sprintf("arrivals %g/s", v.rate)
	default:
		return fmt.Sprintf("%d at once", v.tasks)
	}
}

// outcomes is what came of a load.
type outcomes struct {
	mean, p99 float64 // Seconds from a task's end to its detection.
	slowest   float64 // The mean of the slowest tenth: of few tasks, p99 is chance.
	calls     float64 // A task, of those that end.
}

// follow plays a load with 20 slots and a round trip of 20 ms.
func (v virtual) follow(t *testing.T, planner planner, oracle bool, seed uint64) (o outcomes) {
	inCloud(t, seed, func(c *cloud) {
		c.s.planner = planner
		for k := range v.stuck {
			c.track(Task[int]{Key: k}, long)
		}
		if v.stuck > 0 {
			pass(3 * time.Minute)
		}
		if !oracle {
			c.arrive(v.stuck, v.tasks, v.rate, "")
		}
		for k := v.stuck; oracle && k < v.stuck+v.tasks; k++ { // It tracks each when it ends.
			if v.rate > 0 {
				pass(time.Duration(c.rng.ExpFloat64() / v.rate * float64(time.Second)))
			}
			lasts := min(lognormal(c.rng), time.Minute)
			j := c.add(Task[int]{Key: k}, lasts)
			time.AfterFunc(lasts, func() { c.s.Track(j.Task) })
		}
		c.decided()
		o, _ = c.late("")
	})
	return o
}

// over plays a load with several seeds.
func (v virtual) over(t *testing.T, planner planner, oracle bool, seeds int) (sum outcomes) {
	for seed := range uint64(seeds) {
		o := v.follow(t, planner, oracle, seed)
		sum.mean += o.mean / float64(seeds)
		sum.p99 += o.p99 / float64(seeds)
		sum.calls += o.calls / float64(seeds)
	}
	return sum
}

// byDraw says how much the figures of a load depend on the durations drawn.
func (v virtual) byDraw(t *testing.T) string {
	const draws = 40
	var calls, means []float64
	for seed := range uint64(draws) {
		o := v.follow(t, orders[0].planner, false, seed)
		calls, means = append(calls, o.calls), append(means, o.mean)
	}
	spread := func(x []float64) string {
		var sum float64
		for _, one := range x {
			sum += one
		}
		return fmt.Sprintf("%.2f to %.2f, on average %.2f", slices.Min(x), slices.Max(x), sum/draws)
	}
	return fmt.Sprintf("The figures of %s depend on the durations drawn: over %d draws, calls a task go from %s,\nand the mean latency from %s s.\n",
		v, draws, spread(calls), spread(means))
}

// Our order is no worse than round robin and far better beside stuck tasks.
func TestOrderBesideStuckTasks(t *testing.T) {
	skipStatistics(t)
	for _, v := range virtualLoads[:6] {
		t.Run(v.String(), func(t *testing.T) {
			ours, robin := v.over(t, orders[0].planner, false, 1), v.over(t, orders[2].planner, false, 1)
			limit := 1.05 * robin.mean
			if v.stuck > 0 {
				limit = robin.mean / 5
			}
			if ours.mean > limit {
				t.Errorf("detected %.2f s late on average, round robin %.2f s", ours.mean, robin.mean)
			}
		})
	}
}

// TestCompareOrders writes the rows of a table of docs/benchmarks, as JSON.
func TestCompareOrders(t *testing.T) {
	if *compareTo == "" {
		t.Skip("it measures, and asserts nothing: give -compare FILE")
	}
	const seeds = 10
	rows := [][]string{{"load"}}
	for _, o := range orders {
		rows[0] = append(rows[0], o.name)
	}
	for _, v := range virtualLoads {
		row := []string{v.String()}
		for _, order := range orders {
			o := v.over(t, order.planner, order.oracle, seeds)
			row = append(row, fmt.Sprintf("%.2f / %.1f; %.2f", o.mean, o.p99, o.calls))
		}
		rows = append(rows, row)
	}
	kinds := [][]string{{"load", "bound", "planned (ours)", "constant hazard", "round robin"}}
	for _, m := range mixedLoads {
		row := []string{m.String(), ""}
		for _, planner := range []planner{(*hazard).solve, byIndex, byWait} {
			o := m.over(t, planner, 3)
			least := m.bound(o.calls)
			if row[1] == "" {
				row[1] = fmt.Sprintf("%.2f", least)
			}
			row = append(row, fmt.Sprintf("%.2f / %.1f; %.2f; %.2f", o.mean, o.p99, o.calls, o.mean/least))
		}
		kinds = append(kinds, row)
	}
	text, err := json.Marshal(map[string]any{
		"Seeds": seeds, "Rows": rows, "Kinds": kinds, "Notes": []string{virtualLoads[5].byDraw(t), manyTasks(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*compareTo, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
