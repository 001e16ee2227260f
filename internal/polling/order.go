package polling

import (
	"math/bits"
	"time"
)

const (
	// patience: of so many turns of a tenant, one goes to the head that waited
	// longest, whatever it is worth. So of n due tasks none waits for more than
	// patience·n turns in its line, even where the learned rates are wrong; and as
	// it grows older it changes lines less than bandCount times.
	patience = 32
	// maxMoves bounds how many tasks one decision moves from a line to that of
	// their present age.
	maxMoves = 8
)

// Tasks that were never asked stand in a line of their own, whatever their age,
// before those of the bands.
const (
	neverAsked = 0
	lineCount  = 1 + bandCount
)

// line holds due tasks of like age, first in, first out: the one that waited
// longest is worth most, so a decision looks at heads alone.
type line[K comparable] struct {
	place       int
	first, last *entry[K]
}

// lines are the due tasks of one tenant.
type lines[K comparable] struct {
	all   [lineCount]line[K]
	used  uint64 // A bit for each line that is not empty.
	count int    // Tasks.
	turns int    // Turns that were given.
}

// lineOf returns the line that a task belongs to.
func (e *entry[K]) lineOf(now time.Duration) int {
	if e.asked == never {
		return neverAsked
	}
	return 1 + bandOf((now - e.born).Seconds())
}

// put appends a due task to its line. One that waits for longer than the head
// goes before it: it has been in a line already, or was throttled.
func (l *lines[K]) put(e *entry[K], now time.Duration) {
	place := e.lineOf(now)
	at := &l.all[place]
	at.place, e.line = place, at
	l.used |= 1 << place
	l.count++
	switch {
	case at.first == nil:
		at.first, at.last = e, e
	case e.since() < at.first.since():
		e.next, at.first.prev, at.first = at.first, e, e
	default:
		e.prev, at.last.next, at.last = at.last, e, e
	}
}

// take takes a task out of its line, where it stands in one.
func (l *lines[K]) take(e *entry[K]) {
	at := e.line
	if at == nil {
		return
	}
	if e.prev == nil {
		at.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		at.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	if at.first == nil {
		l.used &^= 1 << at.place
	}
	e.line, e.prev, e.next = nil, nil, nil
	l.count--
}

// order values a question at age to about a task that was last known to be
// unfinished at age from. The benchmarks compare others with hazard.worth.
type order func(h *hazard, from, to time.Duration) float64

// next takes out the task to be asked now; there must be one.
func (l *lines[K]) next(now time.Duration, h *hazard, worthOf order) *entry[K] {
	l.turns++
	longest := l.turns%patience == 0
	l.refresh(now)
	var best *entry[K]
	var most float64
	for left := l.used; left != 0; left &= left - 1 {
		e := l.all[bits.TrailingZeros64(left)].first
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
		place := bits.TrailingZeros64(left)
		at := &l.all[place]
		for e := at.first; e != nil && e.lineOf(now) != place && moves < maxMoves; e = at.first {
			l.take(e)
			l.put(e, now)
			moves++
		}
	}
}
