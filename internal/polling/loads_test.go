package polling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

// kindOf is how long the tasks of a kind last: log-normally.
type kindOf struct {
	share, median, sigma float64 // Of all tasks; seconds.
}

var (
	oneKind   = []kindOf{{1, 4, 0.8}}
	fiveKinds = []kindOf{{0.5, 1.5, 0.3}, {0.1, 2, 0.3}, {0.2, 3, 0.3}, {0.1, 10, 0.3}, {0.1, 20, 0.3}}
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
	kinds []kindOf
	hints hinted
	tasks int
	rate  float64
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
func draw(rng *rand.Rand, kinds []kindOf) (kind int, lasts time.Duration) {
	left := rng.Float64()
	for kind = range kinds {
		if left -= kinds[kind].share; left < 0 {
			break
		}
	}
	k := kinds[kind]
	seconds := min(k.median*math.Exp(k.sigma*rng.NormFloat64()), 60)
	return kind, time.Duration(seconds * float64(time.Second))
}

// follow plays the load with 20 slots and a round trip of 20 ms. The first fifth of the
// tasks, in which the scheduler learns, and the last tenth count for nothing.
func (m mixed) follow(t *testing.T, prepare func(*cloud), seed uint64) (o outcomes) {
	inCloud(t, seed, func(c *cloud) {
		prepare(c)
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

// lateOf is late of the tasks with these keys.
func (c *cloud) lateOf(first, end int) (o outcomes) {
	var late []float64
	for k := first; k < end; k++ {
		j := c.tasks[k]
		late = append(late, j.found.Sub(j.end).Seconds())
		o.mean += late[k-first] / float64(end-first)
		o.calls += float64(j.polls) / float64(end-first)
	}
	slices.Sort(late)
	o.p99 = late[len(late)*99/100]
	return o
}
