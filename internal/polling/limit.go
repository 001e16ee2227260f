package polling

import (
	"math"
	"time"
)

// Slots shrink and grow as TCP's window does under CUBIC (RFC 9438), with slots for bytes and
// seconds for round trips.
const (
	// keepShare is what a throttled answer leaves of the slots.
	keepShare = 0.55
	// cubic is how fast they grow, in slots a second³: of ten slots, what one throttled answer took is
	// back after 36 s, and all twenty are some 80 s after others have left the quota.
	cubic = 0.0001
	// linear is how many slots a second come back at least. So a program that has few of them
	// catches up with the others.
	linear = 0.045
	// maxPause is the longest rest of a bucket that is throttled at one slot.
	maxPause = 10 * time.Second
)

// limit is how many of its slots a bucket may use while others use the quota, too. A
// throttled answer cuts it. It grows back with clean answers: soon to where it was
// throttled, slowly around there, and then faster and faster. Programs that use more are throttled
// more often, so that programs with one key come to use the same.
type limit struct {
	most  int           // What the bucket owns.
	slots float64       // What it may use now. A part of one counts for how turns are paced.
	peak  float64       // What it used when it was throttled.
	cut   time.Duration // When slots were last cut, to low.
	low   float64
	clean time.Duration // How long all of them were used since, and calls answered.
	last  time.Duration // When such an answer last came.

	pause   time.Duration // The last rest after it was throttled at one slot.
	resumes time.Duration // Before that no turn is granted.
}

func newLimit(most int) limit {
	return limit{most: most, slots: float64(most), cut: never, resumes: never}
}

// whole returns how many slots there are now.
func (l *limit) whole() int { return int(math.Ceil(l.slots - 1e-9)) }

// throttled notes that a call granted at some time was refused for the quota,
// while so many slots were in use. The calls of one burst are one sign: those
// granted before the last cut say nothing new. No turn comes for retryAfter.
func (l *limit) throttled(now, granted time.Duration, used int, retryAfter time.Duration) {
	l.resumes = max(l.resumes, now+retryAfter)
	if granted < l.cut {
		return
	}
	if l.slots == 1 {
		l.pause = min(max(2*l.pause, Window), maxPause)
		l.resumes = max(l.resumes, now+l.pause)
	}
	l.low = max(l.slots*keepShare, 1)
	l.peak, l.slots = max(min(float64(used), l.slots), l.low), l.low
	l.cut, l.clean, l.last = now, 0, now
}

// answered notes that a call granted at some time was answered. full says that all slots
// were in use: only then does the answer say anything about more.
func (l *limit) answered(now, granted time.Duration, full bool) {
	if granted < l.cut {
		return
	}
	l.pause = 0
	if !full || l.slots >= float64(l.most) {
		l.last = now
		return
	}
	l.clean += min(now-l.last, maxPause) // Calls that fail in between are no sign of the quota.
	l.last = now
	since := l.clean.Seconds()
	sincePeak := since - math.Cbrt((l.peak-l.low)/cubic)
	l.slots = min(max(l.low+linear*since, l.peak+cubic*sincePeak*sincePeak*sincePeak), float64(l.most))
}
