package polling

import (
	"math"
	"time"
)

const (
	// remembered is the weight of what a gate knew before a result in what it knows
	// after it.
	remembered = 7.0 / 8
	// accountWeight is how many results a failure of the account counts for. It is
	// hardly chance: three in a row close a gate.
	accountWeight = 5
	// maxProbePause is the longest time between two probes if the account fails. A new
	// key is noticed after no more than that.
	maxProbePause = 8 * time.Second
	// healthyShare is the lowest share of clean results at which a gate is open.
	healthyShare = 0.25
	// doubtfulShare is what a gate opens with that opened because others were answered.
	doubtfulShare = 0.5
	// surprise is the probability below which a row of failures is taken for the
	// task's own.
	surprise = 0.001
)

// gate is one region of a bucket: what fails together. While most of its calls
// fail it is closed to all lanes but those that are answered: it lets fewer calls
// through, down to one at a time and one a second. A due task that it does not let
// through is parked in its lane, and those that were tried longest ago come back first,
// so that one odd request cannot keep it closed. A healthy gate parks the tasks that
// wait for the end of their own backoff.
type gate[K comparable] struct {
	position // Among the gates of its bucket that are to send back a task.
	bucket   *bucket[K]
	region   string
	tasks    int
	out      int // Turns.

	share    float64       // Of clean results: the mean of the lanes in heard.
	heard    []*lane[K]    // Those with a result of late.
	results  int           // How many it had.
	answered time.Duration // When the last answer came, or never.
	last     time.Duration // When the last turn was granted.
	account  bool          // The last failure was the account's.
	pause    time.Duration // Between two polls of a lane while it is closed by such.
	failed   time.Duration // When the last of those polls failed.
	doubted  bool          // It opened because others were answered, and has not been since.

	lanes heap[*lane[K]] // Those with parked tasks: see lane.file.
	back  *entry[K]      // The task that a closed gate has sent back to its line.
}

func (g *gate[K]) healthy() bool { return g.share >= healthyShare }

// capacity returns how many calls a closed gate lets be out at once.
func (g *gate[K]) capacity() int {
	if g.account {
		return 1
	}
	return max(int(math.Ceil(float64(g.bucket.limit.most)*g.share/healthyShare)), 1)
}

// opens returns the time before which a closed gate grants no turn.
func (g *gate[K]) opens() time.Duration {
	switch {
	case g.out >= g.capacity():
		return ever
	case g.account:
		return g.last + max(g.pause/time.Duration(max(len(g.heard), 1)), Window)
	default:
		return g.last + Window/time.Duration(g.capacity())
	}
}

// sendsBack returns when the gate sends back its next task, or ever.
func (g *gate[K]) sendsBack() time.Duration {
	switch {
	case len(g.lanes) == 0 || g.lanes[0].item.open():
		return g.lanes.next()
	case g.back != nil:
		return ever
	default:
		return g.opens()
	}
}

// fit files the gate by when it sends back its next task, or drops it if nobody
// uses it.
func (g *gate[K]) fit() {
	b := g.bucket
	b.gates.take(g)
	if at := g.sendsBack(); at < ever {
		b.gates.put(g, at)
	}
	if g.tasks == 0 && g.out == 0 {
		for _, l := range g.heard {
			l.heard = never
			l.fit()
		}
		g.heard = nil
		delete(b.regions, g.region)
		delete(b.suspects, g)
	}
}

// grant counts a turn that is granted to a task now.
func (g *gate[K]) grant(e *entry[K], now time.Duration) {
	g.out++
	e.lane.out++
	g.last = now
	if g.back == e {
		g.back = nil
	}
	e.expedited, e.lane.tried = false, now
	e.lane.file()
	g.fit()
}

// park takes in a task that is in no heap.
func (g *gate[K]) park(e *entry[K]) {
	e.state = parked
	key := e.due
	if !g.healthy() {
		e.forgive()
		if key = max(e.tried, never+1); e.expedited {
			key = never
		}
	}
	if g.back == e {
		g.back = nil
	}
	e.lane.parked.put(e, key)
	e.lane.file()
	g.fit()
}

// sendBack lets the first parked task compete for a turn again.
func (g *gate[K]) sendBack(now time.Duration) {
	l := g.lanes[0].item
	e := l.parked.pop()
	l.file()
	e.due = min(e.due, now)
	if !l.open() {
		g.back = e
	}
	g.bucket.place(e, now)
	g.fit()
}

// clean notes an answer to a lane. Through a closed gate it lets that lane pass from now
// on. If the lane had failed before, it is news: after some of these the gate opens, and
// at once if it was the account that had failed.
func (g *gate[K]) clean(l *lane[K], now time.Duration, probe bool) {
	failed := l.fails()
	news := probe && failed
	if failed {
		g.doubted = false
	}
	if news && g.account && !g.healthy() {
		g.open(1)
	}
	g.hear(l, now, 1, true, news)
	g.pause, g.answered = 0, now
	if g.healthy() {
		g.back = nil
	}
	g.fit()
}

// open lets a closed gate have this share of clean results.
func (g *gate[K]) open(share float64) {
	for _, l := range g.heard {
		l.share = share
	}
	g.share, g.pause, g.back = share, 0, nil
	g.fit()
}

// fail notes a failed call of a task. A probe is one that the closed gate let through.
//
// If the account failed, an answer from anywhere in the bucket opens the gate. That may
// be wrong, since what failed may be about the region after all: then it takes two
// probes without an answer of the bucket for some time.
func (g *gate[K]) fail(e *entry[K], now time.Duration, account, probe bool) {
	healthy, weight := g.healthy(), 1
	if g.account = account; account {
		weight = accountWeight
	}
	e.lane.blame(e, weight)
	g.hear(e.lane, now, weight, false, false)
	e.failures++
	closed := healthy && !g.healthy()
	if account && (closed || probe) {
		g.pause = min(grow(g.pause, Window), maxProbePause)
		if closed && !g.doubted || probe && g.failed > max(g.bucket.answered, never/2)+2*maxProbePause {
			g.bucket.suspects[g] = struct{}{}
		}
		if probe {
			g.failed = now
		}
	}
	if closed {
		g.forgive(now)
	}
}

// forgive lets no parked task wait for a backoff of its own: the gate has closed.
func (g *gate[K]) forgive(now time.Duration) {
	lanes := g.lanes
	g.lanes = nil
	for _, l := range lanes {
		l.item.position = 0
		tasks := l.item.parked
		l.item.parked = nil
		for _, k := range tasks {
			k.item.position = 0
			k.item.due = min(k.item.due, now)
			g.park(k.item)
		}
	}
}
