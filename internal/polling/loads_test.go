package polling

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// hinted is which kind the scheduler is given of a task.
type hinted int

const (
	noHints    hinted = iota
	allHints          // Each task's kind.
	halfHints         // That of every other task.
	wrongHints        // Any of the kinds.
)

// mixed is a load of tasks of some kinds, at a rate or, if that is zero, one after the other.
type mixed struct {
	kinds []bound.Kind
	hints hinted
	tasks int
	rate  float64
}

var mixedLoads = []mixed{
	{bound.OneKind, noHints, 400, 0}, {bound.FiveKinds, allHints, 400, 0},
	{bound.OneKind, noHints, 2000, 2}, {bound.OneKind, noHints, 2000, 5}, {bound.OneKind, noHints, 2000, 10},
	{bound.FiveKinds, noHints, 2000, 2}, {bound.FiveKinds, noHints, 2000, 5}, {bound.FiveKinds, noHints, 2000, 10}, {bound.FiveKinds, noHints, 2000, 15},
	{bound.FiveKinds, allHints, 2000, 2}, {bound.FiveKinds, allHints, 2000, 5}, {bound.FiveKinds, allHints, 2000, 10}, {bound.FiveKinds, allHints, 2000, 15},
	{bound.FiveKinds, halfHints, 2000, 10}, {bound.FiveKinds, wrongHints, 2000, 10},
}

func (m mixed) String() string {
	name := "one kind"
	if len(m.kinds) > 1 {
		name = fmt.Sprintf("%d kinds, %s", len(m.kinds), [...]string{"not known", "known", "half known", "wrong at random"}[m.hints])
	}
	if m.rate == 0 {
		return "one task alone, " + name
	}
	return fmt.Sprintf("%g/s, %s", m.rate, name)
}

// follow plays the load with 20 slots and a round trip of 20 ms. The first fifth of the
// tasks, in which the scheduler learns, and the last tenth count for nothing.
func (m mixed) follow(t *testing.T, planner planner, seed uint64) (o outcomes) {
	inCloud(t, seed, func(c *cloud) {
		c.s.planner = planner
		m.play(c, 0)
		o = c.lateOf(m.tasks/5, m.tasks-m.tasks/10)
	})
	return o
}

// play tracks the tasks of the load, whose keys count from first, and waits until all are decided.
func (m mixed) play(c *cloud, first int) {
	for k := first; k < first+m.tasks; k++ {
		kind, lasts := bound.Draw(c.rng, m.kinds)
		hint := ""
		if other := c.luck.IntN(len(m.kinds)); m.hints == wrongHints {
			hint = strconv.Itoa(other)
		} else if m.hints == allHints || m.hints == halfHints && k%2 == 0 {
			hint = strconv.Itoa(kind)
		}
		if m.rate > 0 {
			pass(time.Duration(c.rng.ExpFloat64() / m.rate * float64(time.Second)))
		}
		c.track(Task[int]{Key: k, Kind: hint}, lasts)
		if m.rate == 0 {
			c.decided()
		}
	}
	c.decided()
}

// bound returns the least mean latency, in seconds: with all slots busy, or if the
// tasks come one after the other, for so many calls of each.
func (m mixed) bound(calls float64) float64 {
	const roundTrip = 0.02
	if m.rate > 0 {
		calls = MaxSlots / (Window.Seconds() + roundTrip) / m.rate
	}
	return bound.Latency(m.kinds, m.hints == allHints, calls) + roundTrip
}

// over plays the load with several seeds.
func (m mixed) over(t *testing.T, planner planner, seeds int) (sum outcomes) {
	for seed := range uint64(seeds) {
		o := m.follow(t, planner, seed)
		sum.mean += o.mean / float64(seeds)
		sum.p99 += o.p99 / float64(seeds)
		sum.calls += o.calls / float64(seeds)
	}
	return sum
}

// lateOf is late of the tasks with these keys.
func (c *cloud) lateOf(first, end int) (o outcomes) {
	var late []float64
	for k := first; k < end; k++ {
		j := c.tasks[k]
		late = append(late, j.found.Sub(j.end).Seconds())
		o.calls += float64(j.polls) / float64(end-first)
	}
	slices.Sort(late)
	o.mean, o.p99 = mean(late), late[len(late)*99/100]
	return o
}

// What is known of kinds pays, and what is wrong costs little.
func TestHints(t *testing.T) {
	skipStatistics(t)
	late := func(hints hinted) float64 {
		return mixed{bound.FiveKinds, hints, 2000, 10}.over(t, (*hazard).solve, 2).mean
	}
	unknown, known, half, wrong := late(noHints), late(allHints), late(halfHints), late(wrongHints)
	t.Logf("detected %.2f s late on average; %.2f s if kinds are known, %.2f s if half are, %.2f s if they are wrong", unknown, known, half, wrong)
	if known > 0.6*unknown || half > 0.85*unknown || wrong > 1.06*unknown {
		t.Error("kinds are of too little use, or cost too much")
	}
}
