package polling

import "time"

const (
	// probeAfter is how long a bucket stays just below where it was throttled
	// before it tries one slot more. Each try that goes well is followed by one
	// that is twice as large, after a quarter of the time.
	probeAfter = 25 * time.Second
	// maxPause is the longest rest of a bucket that is throttled at one slot.
	maxPause = 10 * time.Second
)

// limit is how many of its slots a bucket may use while others use the quota,
// too. A throttled answer halves it. It grows back one by one with clean answers:
// each second to just below what was in use when it was throttled, and from there
// on by careful tries, since every try that fails costs a call, maybe one of the
// others'.
type limit struct {
	most  int // What the bucket owns.
	slots int // What it may use now.

	known   int           // It was fine to use so many.
	changed time.Duration // When slots last changed.
	cut     time.Duration // When slots were last halved.
	probe   time.Duration // How long to wait before the next try above known,
	step    int           // and how many slots that adds.

	pause   time.Duration // The last rest after it was throttled at one slot.
	resumes time.Duration // Before that no turn is granted.
}

func newLimit(most int) limit {
	return limit{most: most, slots: most, known: most, cut: never, resumes: never, probe: probeAfter, step: 1}
}

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
	used = min(used, l.slots)
	l.slots = max(l.slots/2, 1)
	l.known = max(used-1, l.slots)
	l.cut, l.changed, l.probe, l.step = now, now, probeAfter, 1
}

// clean notes that a call granted at some time was answered. full says that it
// used the last slot: only then does the answer say anything about one more.
func (l *limit) clean(now, granted time.Duration, full bool) {
	if granted < l.cut {
		return
	}
	l.pause = 0
	wait, step := Window, 1
	if l.slots >= l.known {
		wait, step = l.probe, l.step
	}
	if !full || l.slots >= l.most || now-l.changed < wait {
		return
	}
	l.slots = min(l.slots+step, l.most)
	l.changed = now
	if l.slots > l.known {
		l.known, l.probe, l.step = l.slots, max(l.probe/4, Window), 2*l.step
	}
}
