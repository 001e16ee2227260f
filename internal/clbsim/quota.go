package clbsim

import (
	"maps"
	"sync"
	"time"
)

// maxBackground keeps the time between two background calls above zero, and
// the work of catching up with them bounded.
const maxBackground = 1_000_000

// quota counts arrivals in one bucket for each account, action and gateway.
type quota struct {
	perSecond int
	window    Window
	now       func() time.Time

	mu         sync.Mutex
	buckets    map[bucketKey]*bucket
	background map[string]background
	accounts   map[string]AccountStats
}

type bucketKey struct{ account, action, gateway string }

// background is what another program consumes of an account.
type background struct {
	since time.Time
	every time.Duration // Zero is nothing.
}

func newQuota(perSecond int, window Window, now func() time.Time) *quota {
	return &quota{
		perSecond:  perSecond,
		window:     window,
		now:        now,
		buckets:    map[bucketKey]*bucket{},
		background: map[string]background{},
		accounts:   map[string]AccountStats{},
	}
}

// arrive counts an arrival. It tells whether it passes, and how many there are
// in the second with this one, refused ones too: the number that the real
// gateway puts into its refusal.
func (q *quota) arrive(key bucketKey) (passes bool, inSecond int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	// The clock is read under the lock, so that arrivals are counted in order.
	now := q.now()
	b, ok := q.buckets[key]
	if !ok {
		b = &bucket{limit: q.perSecond, window: q.window}
		b.setBackground(q.background[key.account])
		q.buckets[key] = b
	}
	b.catchUp(now)
	passes = b.arrive(arrival{at: now, own: true})

	stats := q.accounts[key.account]
	stats.Arrivals++
	if !passes {
		stats.Throttled++
	}
	stats.Peak = max(stats.Peak, b.own)
	q.accounts[key.account] = stats
	return passes, b.inSecond()
}

func (q *quota) setBackground(account string, perSecond int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bg := background{since: q.now()}
	if perSecond > 0 {
		bg.every = time.Second / time.Duration(min(perSecond, maxBackground))
	}
	q.background[account] = bg
	for key, b := range q.buckets {
		if key.account == account {
			b.catchUp(bg.since)
			b.setBackground(bg)
		}
	}
}

func (q *quota) stats() map[string]AccountStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.accounts)
}

// bucket remembers the arrivals of the last second.
type bucket struct {
	limit  int
	window Window

	last     []arrival // Oldest first.
	own      int       // Of last, those that are calls of the simulator's users.
	accepted int       // Of last, those that passed.

	// With a Fixed window the clock's second and its counts decide instead.
	fixedSecond   int64
	fixedSeen     int
	fixedAccepted int

	every time.Duration
	next  time.Time
}

type arrival struct {
	at       time.Time
	own      bool
	accepted bool
}

func (b *bucket) setBackground(bg background) {
	b.every = bg.every
	b.next = bg.since.Add(bg.every)
}

// catchUp lets the background calls arrive that are due until now. Only those
// of the last two seconds can matter for what is now, so after a long pause
// the ones before are skipped.
func (b *bucket) catchUp(now time.Time) {
	if b.every == 0 {
		return
	}
	if pause := now.Add(-2 * time.Second).Sub(b.next); pause > 0 {
		b.next = b.next.Add(pause.Truncate(b.every))
	}
	for ; !b.next.After(now); b.next = b.next.Add(b.every) {
		b.arrive(arrival{at: b.next})
	}
}

func (b *bucket) arrive(a arrival) bool {
	b.forget(a.at)
	if b.window == Fixed {
		a.accepted = b.fixedAccepted < b.limit
	} else {
		a.accepted = b.accepted < b.limit
	}

	b.last = append(b.last, a)
	b.fixedSeen++
	if a.own {
		b.own++
	}
	if a.accepted {
		b.accepted++
		b.fixedAccepted++
	}
	return a.accepted
}

// forget drops what is no longer part of the second that ends now. An arrival
// exactly one second ago is not: the second is half open.
func (b *bucket) forget(now time.Time) {
	old := 0
	for old < len(b.last) && now.Sub(b.last[old].at) >= time.Second {
		if b.last[old].own {
			b.own--
		}
		if b.last[old].accepted {
			b.accepted--
		}
		old++
	}
	b.last = b.last[old:]
	if unix := now.Unix(); unix != b.fixedSecond {
		b.fixedSecond, b.fixedSeen, b.fixedAccepted = unix, 0, 0
	}
}

func (b *bucket) inSecond() int {
	if b.window == Fixed {
		return b.fixedSeen
	}
	return len(b.last)
}
