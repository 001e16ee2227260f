package polling

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var compareTo = flag.String("compare", "", "write the comparison of orders, in virtual time, to this `file`")

// The orders that are compared. The last three know or do what no program can.
var orders = []struct {
	name   string
	worth  order
	oracle bool
}{
	{name: "expected gain, learned (ours)", worth: (*hazard).worth},
	{name: "wait · √rate, learned", worth: func(h *hazard, from, to time.Duration) float64 {
		return (to - from).Seconds() * math.Sqrt(h.rates[bandOf(to.Seconds())])
	}},
	{name: "round robin", worth: func(_ *hazard, from, to time.Duration) float64 { return (to - from).Seconds() }},
	{name: "expected gain, true hazard", worth: func(_ *hazard, from, to time.Duration) float64 { return truth.worth(from, to) }},
	{name: "oracle that knows each end", worth: (*hazard).worth, oracle: true},
}

// truth is a hazard that has learned the true rates.
var truth = func() *hazard {
	h := newHazard(0)
	for band := range h.rates {
		h.rates[band] = trueRate((bandStarts[band] + bandStarts[band+1]) / 2)
		if band > 0 {
			h.sums[band] = h.sums[band-1] + h.rates[band-1]*(bandStarts[band]-bandStarts[band-1])
		}
	}
	return h
}()

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
		return fmt.Sprintf("%d stuck for ever, %g/s", v.stuck, v.rate)
	case v.rate > 0:
		return fmt.Sprintf("arrivals %g/s", v.rate)
	default:
		return fmt.Sprintf("%d at once", v.tasks)
	}
}

type virtualTask struct{ born, end, found time.Time }

// outcomes is what came of a load.
type outcomes struct {
	mean, p99 float64 // Seconds from a task's end to its detection.
	calls     float64 // A task, of those that end.
}

// follow plays a load with 20 slots and a round trip of 20 ms.
func (v virtual) follow(t *testing.T, worth order, oracle bool, seed uint64) (o outcomes) {
	synctest.Test(t, func(*testing.T) {
		rng := rand.New(rand.NewPCG(seed, 2))
		tasks := make([]virtualTask, v.stuck+v.tasks)
		var mu sync.Mutex
		var s *Scheduler[int]
		left, done := v.tasks, make(chan struct{})
		ask := func(k int) {
			task := Task[int]{Key: k, Bucket: home, Born: tasks[k].born}
			if oracle {
				task.NotBefore = tasks[k].end
			}
			s.Ask(task)
		}
		s, _ = New(MaxSlots, func(k int, turn *Turn[int]) {
			pass(10 * time.Millisecond)
			finished := k >= v.stuck && !time.Now().Before(tasks[k].end)
			pass(10 * time.Millisecond)
			if !finished {
				turn.Return(InProgress)
			} else {
				turn.Return(Finished)
				s.Forget(k)
			}
			mu.Lock()
			defer mu.Unlock()
			if k >= v.stuck {
				o.calls += 1 / float64(v.tasks)
			}
			if !finished {
				ask(k)
				return
			}
			tasks[k].found = time.Now()
			left--
			if left == 0 {
				close(done)
			}
		})
		s.worth = worth
		s.Start()
		pass(Window)
		for k := range v.stuck {
			tasks[k].born, tasks[k].end = time.Now(), time.Now().Add(1e6*time.Second)
			ask(k)
		}
		if v.stuck > 0 {
			pass(3 * time.Minute)
		}
		for k := v.stuck; k < len(tasks); k++ {
			if v.rate > 0 {
				pass(time.Duration(rng.ExpFloat64() / v.rate * float64(time.Second)))
			}
			mu.Lock()
			tasks[k].born = time.Now()
			tasks[k].end = tasks[k].born.Add(min(lognormal(rng), time.Minute))
			ask(k)
			mu.Unlock()
		}
		<-done
		s.Stop()
		pass(time.Second)
		var late []float64
		for _, task := range tasks[v.stuck:] {
			late = append(late, task.found.Sub(task.end).Seconds())
			o.mean += late[len(late)-1] / float64(v.tasks)
		}
		slices.Sort(late)
		o.p99 = late[len(late)*99/100]
	})
	return o
}

// over plays a load with several seeds.
func (v virtual) over(t *testing.T, worth order, oracle bool, seeds int) (sum outcomes) {
	for seed := range uint64(seeds) {
		o := v.follow(t, worth, oracle, seed)
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
		o := v.follow(t, orders[0].worth, false, seed)
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

func TestOurOrderIsNoWorseThanRoundRobinAndFarBetterBesideStuckTasks(t *testing.T) {
	for _, v := range virtualLoads[:6] {
		t.Run(v.String(), func(t *testing.T) {
			ours, robin := v.over(t, orders[0].worth, false, 2), v.over(t, orders[2].worth, false, 2)
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

// TestCompareOrders writes the table of docs/benchmarks.
func TestCompareOrders(t *testing.T) {
	if *compareTo == "" {
		t.Skip("it measures, and asserts nothing: give -compare FILE")
	}
	const seeds = 10
	var text strings.Builder
	text.WriteString("## Orders of the queue, in virtual time\n\n" +
		"The scheduler itself on a virtual clock: 20 slots, round trip 20 ms, durations as above; mean of " + strconv.Itoa(seeds) + " seeds.\n" +
		"Seconds from a task's end to its detection, mean / p99; calls a task. The second row is the order that x·√h gives.\n\n| load |")
	for _, o := range orders {
		text.WriteString(" " + o.name + " |")
	}
	text.WriteString("\n| --- |" + strings.Repeat(" ---: |", len(orders)) + "\n")
	for _, v := range virtualLoads {
		text.WriteString("| " + v.String() + " |")
		for _, order := range orders {
			o := v.over(t, order.worth, order.oracle, seeds)
			fmt.Fprintf(&text, " %.2f / %.1f; %.2f |", o.mean, o.p99, o.calls)
		}
		text.WriteString("\n")
	}
	text.WriteString("\n" + virtualLoads[5].byDraw(t) + "\n" + manyTasks(t))
	if err := os.WriteFile(*compareTo, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
