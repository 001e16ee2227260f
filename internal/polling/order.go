package polling

import "time"

const (
	// longestEvery: of so many turns of a tenant, one goes to the task that stands in
	// its lines longest. So of n due tasks whose calls are answered none waits for more than
	// longestEvery·n turns of its tenant, even if what was learned is wrong.
	longestEvery = 32
	// maxRaised bounds how many tasks of each line one decision moves up. More than one: else
	// they would pile up while each is granted.
	maxRaised = 2
	// maxLowered bounds how many it moves down, since less is expected of them than before.
	maxLowered = 32
)

// lines are the due tasks of one tenant: a line for each level of prices that a poll
// may be worth, by when they reach the next. So a decision looks at the head of the
// highest alone, however many kinds of tasks there are, and a task that comes back
// finds its place.
type lines[K comparable] struct {
	all         [levelCount]heap[*entry[K]]
	first, last *entry[K] // Of all, in the order in which they were put.
	count       int       // Tasks.
	turns       int       // Turns that were granted.
}

// put lets a due task stand in its line, behind those that stand longer, unless it still stands longest.
func (l *lines[K]) put(e *entry[K], now time.Duration) {
	l.file(e, now)
	switch {
	case l.first == nil:
		l.first, l.last = e, e
	case e.longest:
		e.after, l.first.before = l.first, e
		l.first = e
	default:
		e.before, l.last.after = l.last, e
		l.last = e
	}
	l.count++
}

// file sorts a task into the line of its level.
func (l *lines[K]) file(e *entry[K], now time.Duration) {
	level, until := e.level(now)
	e.line = uint8(level) //nolint:gosec // There are levelCount, 16.
	l.all[level].put(e, until)
}

// take takes a task out of its line.
func (l *lines[K]) take(e *entry[K]) {
	l.all[e.line].take(e)
	if e.before == nil {
		l.first = e.after
	} else {
		e.before.after = e.after
	}
	if e.after == nil {
		l.last = e.before
	} else {
		e.after.before = e.before
	}
	e.before, e.after = nil, nil
	l.count--
}

// level returns the level that a poll of a task has reached, zero if none, and when it
// reaches the next, or when it reached the last.
func (e *entry[K]) level(now time.Duration) (level int, until time.Duration) {
	age, from := (now - e.born).Seconds(), markOf(e.since()-e.born)
	next := e.kind.plan.next(1, from)
	for level < levelCount-1 && next <= age {
		level++
		if level < levelCount-1 {
			next = e.kind.plan.next(level+1, from)
		}
	}
	return level, e.born + time.Duration(next*float64(time.Second))
}

// longestNext reports whether the next turn goes to the task that stands here longest.
func (l *lines[K]) longestNext() bool { return (l.turns+1)%longestEvery == 0 }

// next takes out the task to be polled now; there must be one.
func (l *lines[K]) next(now time.Duration) *entry[K] {
	best, longest := l.first, l.longestNext()
	if !longest {
		best = l.most(now)
	}
	best.longest = longest
	l.take(best)
	return best
}

// most returns the task whose poll is worth most.
func (l *lines[K]) most(now time.Duration) *entry[K] {
	for level := levelCount - 2; level >= 0; level-- {
		for moves := 0; moves < maxRaised && l.all[level].next() <= now; moves++ {
			l.file(l.all[level].pop(), now)
		}
	}
	for level, moves := levelCount-1, 0; ; moves++ {
		for len(l.all[level]) == 0 {
			level--
		}
		e := l.all[level][0].item
		if at, _ := e.level(now); at >= level || moves == maxLowered {
			return e
		}
		l.file(l.all[level].pop(), now)
	}
}
