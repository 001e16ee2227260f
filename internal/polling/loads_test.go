package polling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

func lasting(share, median, sigma float64) bound.Kind {
	return bound.Kind{Share: share, Median: median, Sigma: sigma}
}

var (
	oneKind   = []bound.Kind{lasting(1, 4, 0.8)}
	fiveKinds = []bound.Kind{lasting(0.5, 1.5, 0.3), lasting(0.1, 2, 0.3), lasting(0.2, 3, 0.3), lasting(0.1, 10, 0.3), lasting(0.1, 20, 0.3)}
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
	{oneKind, noHints, 400, 0}, {fiveKinds, allHints, 400, 0},
	{oneKind, noHints, 2000, 2}, {oneKind, noHints, 2000, 5}, {oneKind, noHints, 2000, 10},
	{fiveKinds, noHints, 2000, 2}, {fiveKinds, noHints, 2000, 5}, {fiveKinds, noHints, 2000, 10}, {fiveKinds, noHints, 2000, 15},
	{fiveKinds, allHints, 2000, 2}, {fiveKinds, allHints, 2000, 5}, {fiveKinds, allHints, 2000, 10}, {fiveKinds, allHints, 2000, 15},
	{fiveKinds, halfHints, 2000, 10}, {fiveKinds, wrongHints, 2000, 10},
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

// draw draws a task: its kind, and how long it lasts.
func draw(rng *rand.Rand, kinds []bound.Kind) (kind int, lasts time.Duration) {
	left := rng.Float64()
	for kind = range kinds {
		if left -= kinds[kind].Share; left < 0 {
			break
		}
	}
	k := kinds[kind]
	seconds := min(k.Median*math.Exp(k.Sigma*rng.NormFloat64()), 60)
	return kind, time.Duration(seconds * float64(time.Second))
}

// follow plays the load with 20 slots and a round trip of 20 ms. The first fifth of the
// tasks, in which the scheduler learns, and the last tenth count for nothing.
func (m mixed) follow(t *testing.T, planner planner, seed uint64) (o outcomes) {
	inCloud(t, seed, func(c *cloud) {
		c.s.planner = planner
		for k := range m.tasks {
			kind, lasts := draw(c.rng, m.kinds)
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
		o = c.lateOf(m.tasks/5, m.tasks-m.tasks/10)
	})
	return o
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
