package clbsim

import (
	"math/rand/v2"
	"sync"
	"time"
)

// faults are those in force, in the order in which they were added.
type faults struct {
	mu   sync.Mutex
	rand *rand.Rand
	// armed is replaced and never written to, so that a reader may walk
	// through the one it has seen and call Match functions without the lock.
	armed []*armedFault
}

type armedFault struct {
	Fault
	from  time.Time
	until time.Time // Zero is never.

	struck int // Guarded by faults.mu.
}

func newFaults(seed uint64) *faults {
	return &faults{rand: rand.New(rand.NewPCG(seed, 0))}
}

func (fs *faults) add(f Fault, now time.Time) (remove func()) {
	armed := &armedFault{Fault: f, from: now.Add(f.After)}
	if f.For > 0 {
		armed.until = armed.from.Add(f.For)
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.armed = append(fs.armed[:len(fs.armed):len(fs.armed)], armed)
	return func() { fs.remove(armed) }
}

func (fs *faults) remove(gone *armedFault) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var rest []*armedFault
	for _, f := range fs.armed {
		if f != gone {
			rest = append(rest, f)
		}
	}
	fs.armed = rest
}

func (fs *faults) clear() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.armed = nil
}

func (fs *faults) snapshot() []*armedFault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.armed
}

// stage is where on a request's way a fault strikes.
type stage int

const (
	inTransport stage = iota
	behindQuota
)

func (k Kind) stage() stage {
	switch k {
	case Hang, Reset, HTTPStatus:
		return inTransport
	default:
		return behindQuota
	}
}

// latency returns how long all Latency faults together hold the call back, and
// their names.
func (fs *faults) latency(c *Call, now time.Time) (total time.Duration, struck []string) {
	for _, f := range fs.snapshot() {
		if f.Kind != Latency || !f.matches(c) || !fs.strike(f, now) {
			continue
		}
		total += f.Delay + fs.jitter(f.Jitter)
		struck = append(struck, f.name())
	}
	return total, struck
}

// first returns the first fault of the stage that strikes the call, or nil.
func (fs *faults) first(at stage, c *Call, now time.Time) *Fault {
	for _, f := range fs.snapshot() {
		if f.Kind != Latency && f.Kind.stage() == at && f.matches(c) && fs.strike(f, now) {
			return &f.Fault
		}
	}
	return nil
}

// strike counts a strike of a fault that matches, unless its time, its luck or
// its count is against it.
func (fs *faults) strike(f *armedFault, now time.Time) bool {
	if now.Before(f.from) || !f.until.IsZero() && !now.Before(f.until) {
		return false
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.Count > 0 && f.struck >= f.Count {
		return false
	}
	if f.Share > 0 && fs.rand.Float64() >= f.Share {
		return false
	}
	f.struck++
	return true
}

func (fs *faults) jitter(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return time.Duration(fs.rand.Int64N(int64(most)))
}
