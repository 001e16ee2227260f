package polling

import (
	"math/bits"
	"time"
)

const (
	// longestEvery: of so many turns of a tenant, one goes to the head that waited
	// longest, even if it is worth less. So of n due tasks none waits for more than
	// longestEvery·n turns in its line, even if the learned rates are wrong; and as
	// it grows older it changes lines less than bandCount times.
	longestEvery = 32
	// maxMoves bounds how many tasks one decision moves from a line to that of
	// their present age.
	maxMoves = 2
)

// Tasks that were never answered stand in a line of their own, at any age,
// before those of the bands.
const (
	neverAnswered = 0
	lineCount     = 1 + bandCount
)

// lines are the due tasks of one tenant, by age and within a line by when they
// began to wait: the one that waited longest is worth most, so a decision looks at
// heads alone, and a task that comes back finds its place.
type lines[K comparable] struct {
	all   [lineCount]heap[*entry[K]]
	used  uint64 // A bit for each line that is not empty.
	count int    // Tasks.
	turns int    // Turns that were granted.
}

// lineOf returns the line that a task belongs to.
func (e *entry[K]) lineOf(now time.Duration) int {
	if e.answered == never {
		return neverAnswered
	}
	return 1 + bandOf((now - e.born).Seconds())
}

// put lets a due task stand in its line.
func (l *lines[K]) put(e *entry[K], now time.Duration) {
	at := e.lineOf(now)
	e.line = uint8(at) //nolint:gosec // There are lineCount, 41.
	l.all[at].put(e, e.since())
	l.used |= 1 << at
	l.count++
}

// take takes a task out of its line.
func (l *lines[K]) take(e *entry[K]) {
	at := &l.all[e.line]
	at.take(e)
	if len(*at) == 0 {
		l.used &^= 1 << e.line
	}
	l.count--
}

// order values a poll at age to of a task that was last known to be unfinished at
// age from. The benchmarks compare others with hazard.worth.
type order func(h *hazard, from, to time.Duration) float64

// next takes out the task to be polled now; there must be one.
func (l *lines[K]) next(now time.Duration, h *hazard, worthOf order) *entry[K] {
	longest := (l.turns+1)%longestEvery == 0
	l.refresh(now)
	var best *entry[K]
	var most float64
	for left := l.used; left != 0; left &= left - 1 {
		e := l.all[bits.TrailingZeros64(left)][0].item
		worth := float64(now - e.since())
		if !longest {
			worth = worthOf(h, e.since()-e.born, now-e.born)
		}
		if best == nil || worth > most {
			best, most = e, worth
		}
	}
	l.take(best)
	return best
}

// refresh moves the tasks that have outgrown their line while they waited, from
// the heads on.
func (l *lines[K]) refresh(now time.Duration) {
	moves := 0
	for left := l.used; left != 0; left &= left - 1 {
		at := bits.TrailingZeros64(left)
		for ; len(l.all[at]) > 0 && l.all[at][0].item.lineOf(now) != at && moves < maxMoves; moves++ {
			e := l.all[at][0].item
			l.take(e)
			l.put(e, now)
		}
	}
}
