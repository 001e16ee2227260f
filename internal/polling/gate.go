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
	// surprise is the probability below which a row of failures is taken for the
	// task's own.
	surprise = 0.001
)

// gate is one region of a bucket: what fails together. While most of its calls
// fail it is closed: it lets fewer calls through, down to one at a time and one a
// second. A due task that it does not let through is parked here, and those that
// were tried longest ago come back first, so that one odd request cannot keep it
// closed. A healthy gate parks the tasks that wait for the end of their own backoff.
type gate[K comparable] struct {
	position // Among the gates of its bucket that are to send back a task.
	bucket   *bucket[K]
	region   string
	tasks    int
	out      int // Turns.

	share    float64       // Of clean results: the mean of the lanes in heard.
	heard    []*lane[K]    // Those with a result of late.
	results  uint32        // How many it has seen.
	answered time.Duration // When the last answer came, or never.
	last     time.Duration // When the last turn was granted.
	account  bool          // The last failure was the account's.
	pause    time.Duration // Between two polls while it is closed by such.
	failed   time.Duration // When the last of those polls failed.
	doubted  bool          // It opened because others were answered, and has not been since.

	lanes heap[*lane[K]] // Those with parked tasks.
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

// opens returns the time before which the gate grants no turn.
func (g *gate[K]) opens() time.Duration {
	switch {
	case g.healthy():
		return never
	case g.out >= g.capacity():
		return ever
	case g.account:
		return g.last + g.pause
	default:
		return g.last + Window/time.Duration(g.capacity())
	}
}

// fit files the gate by when it sends back its next task, or drops it if nobody
// uses it.
func (g *gate[K]) fit() {
	b := g.bucket
	b.gates.take(g)
	at := g.opens()
	if g.healthy() {
		at = g.lanes.next()
	}
	if len(g.lanes) > 0 && g.back == nil && at < ever {
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
	g.last, g.back = now, nil
	e.lane.tried = now
	e.lane.file()
	g.fit()
}

// park takes in a task that is in no heap.
func (g *gate[K]) park(e *entry[K]) {
	e.state = parked
	key := e.due
	if !g.healthy() {
		e.forgive()
		key = e.tried
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
	if !g.healthy() {
		g.back = e
	}
	g.bucket.place(e, now)
	g.fit()
}

// clean notes an answer to a tenant. The first one after failures of the account opens
// the gate at once.
func (g *gate[K]) clean(tenant string, now time.Duration) {
	g.doubted = false
	if g.account && !g.healthy() {
		g.open()
	}
	g.hear(tenant, now, 1, true)
	g.pause, g.answered = 0, now
	if g.healthy() {
		g.back = nil
	}
	g.fit()
}

// open forgets what failed.
func (g *gate[K]) open() {
	for _, l := range g.heard {
		l.share = 1
	}
	g.share, g.pause, g.back = 1, 0, nil
	g.fit()
}

// fail notes a failed call of a task. A probe is one that the closed gate let through.
//
// If the account failed, an answer from anywhere in the bucket opens the gate. That may
// be wrong, since what failed may be about the region after all: then it takes two
// probes without an answer of the bucket in between.
func (g *gate[K]) fail(e *entry[K], now time.Duration, account, probe bool) {
	healthy, weight := g.healthy(), 1
	if g.account = account; account {
		weight = accountWeight
	}
	keep := math.Pow(remembered, float64(weight))
	since := math.Pow(remembered, float64(g.results-e.seen))
	e.blame = float32(1 - keep*(1-since*float64(e.blame)))
	g.hear(e.lane.tenant, now, weight, false)
	e.seen = g.results
	e.failures++
	closed := healthy && !g.healthy()
	if account && (closed || probe) {
		g.pause = min(grow(g.pause, Window), maxProbePause)
		if closed && !g.doubted || probe && g.failed > g.bucket.answered {
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
	backing := g.lanes
	g.lanes = nil
	for _, l := range backing {
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

// backoff returns how long a task whose call failed has to wait for itself. What
// happens to others as well costs it nothing but the call: the gate sees to
// that. A row of failures that is unlikely, given how the other tasks of the region
// fare, is its own. The backoff grows while others are answered.
func (g *gate[K]) backoff(e *entry[K]) time.Duration {
	others := min(g.share/float64(1-e.blame), 1) // The share without its own failures.
	if !g.healthy() || e.failures < 2 || math.Pow(1-others, float64(e.failures)) > surprise {
		return 0
	}
	if e.backoff == 0 || g.answered > e.tried-e.backoff {
		e.backoff = grow(e.backoff, firstBackoff)
	}
	return e.backoff
}
