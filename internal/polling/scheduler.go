package polling

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Window is the time over which the API counts requests.
const Window = time.Second

// MaxSlots is the API's own limit, in requests a Window (API page 214/33823).
const MaxSlots = 20

// Bucket names what a quota is counted for.
type Bucket struct {
	// Host is the endpoint's host name.
	Host string
	// Account identifies the signer of the calls.
	Account string
}

// Task is what the scheduler knows of something to be polled.
type Task[K comparable] struct {
	// Key identifies the task.
	Key K
	// Bucket is whose quota its calls use.
	Bucket Bucket
	// Region is what fails together within a bucket.
	Region string
	// Tenant is what shares the bucket with others, such as a namespace.
	Tenant string
	// Kind is what tasks of similar durations have in common, such as the call that made
	// them; empty if it is not known.
	Kind string
	// Age is how old the task is now. It decides when the task is polled, and
	// counts on the scheduler's own clock from the first Track on.
	Age time.Duration
	// Polled says that a former process has polled the task already: it is ordered by its
	// age, not among those that were never polled.
	Polled bool
}

// Grant takes a turn for a task. It runs in a goroutine of its own and must
// return the turn on every path.
type Grant[K comparable] func(key K, turn *Turn[K])

// maxTurnsOut bounds the turns that are out at once, over all buckets.
const maxTurnsOut = 1024

// Scheduler hands out turns. It is safe for concurrent use.
type Scheduler[K comparable] struct {
	slots   int
	maxOut  int
	grant   Grant[K]
	planner planner
	luck    func() float64
	epoch   time.Time // Times inside are durations since, on the monotonic clock.

	mu      sync.Mutex
	running bool
	opens   time.Duration // No turn before: see doc.go.
	out     int           // Turns, over all buckets.
	entries map[K]*entry[K]
	buckets map[Bucket]*bucket[K]
	held    heap[*bucket[K]] // Those that maxOut keeps from a turn, by turns out.
}

// New makes a scheduler whose buckets own the given number of slots. Turns are
// granted between Start and Stop.
func New[K comparable](slots int, grant Grant[K]) (*Scheduler[K], error) {
	if slots < 1 || slots > MaxSlots {
		return nil, fmt.Errorf("%d requests a second: give a number from 1 to %d, the API's own limit", slots, MaxSlots)
	}
	return &Scheduler[K]{
		slots:   slots,
		maxOut:  maxTurnsOut,
		grant:   grant,
		planner: (*hazard).solve,
		luck:    rand.Float64,
		epoch:   time.Now(),
		entries: map[K]*entry[K]{},
		buckets: map[Bucket]*bucket[K]{},
	}, nil
}

// Start lets turns be granted from one Window after now.
func (s *Scheduler[K]) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
	s.opens = s.now() + Window
	for _, b := range s.buckets {
		s.dispatch(b)
	}
}

// Stop ends the granting of turns. Turns already granted are still returned.
func (s *Scheduler[K]) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	for _, b := range s.buckets {
		b.timer.Stop()
	}
}

// Track lets a task get turns, the first one at once, until it has finished or is
// forgotten. Tracking it again lets another tenant with fewer tasks pay for it, and its kind be
// known that was not. Nothing else changes, and it keeps its place.
func (s *Scheduler[K]) Track(task Task[K]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if e, known := s.entries[task.Key]; known {
		if e.state != finished {
			e.lane.gate.bucket.move(e, task.Tenant, now)
			e.lane.gate.bucket.know(e, task.Kind, now)
		}
		return
	}
	s.dispatch(s.add(task, now))
}

// Rename lets the calls of the tasks that of picks count for another bucket from now on, since the
// account of their key has another name. Turns of the old bucket still come back to it. The two may be
// one account: the new bucket grants nothing while calls of the old one may count for it.
func (s *Scheduler[K]) Rename(from, to Bucket, of func(K) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, known := s.buckets[from]
	if !known || from == to {
		return
	}
	now := s.now()
	b := s.bucketOf(to, now)
	if old.out > 0 {
		b.limit.resumes = max(b.limit.resumes, now+Window)
	}
	if n := len(old.coolingDown); n > 0 {
		b.limit.resumes = max(b.limit.resumes, old.coolingDown[n-1])
	}
	for key, e := range s.entries {
		if e.state == finished || e.lane.gate.bucket != old || !of(key) {
			continue
		}
		s.remove(e, now)
		s.add(Task[K]{key, to, e.lane.gate.region, e.tenant.name, e.kind.name, now - e.born, e.answered != never}, now)
	}
	s.dispatch(b)
}

// Expedite makes a task due now. It keeps its place among those that are due, and is the
// first of its tenant that a closed gate lets through. If it holds a turn, it is due when
// that is returned.
func (s *Scheduler[K]) Expedite(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, now := s.entries[key], s.now()
	if e == nil || e.state == finished {
		return
	}
	e.expedited = true
	if e.state == waiting || e.state == parked {
		e.due = min(e.due, now)
		e.lane.gate.bucket.displace(e)
		e.lane.gate.bucket.place(e, now)
		s.dispatch(e.lane.gate.bucket)
	}
}

// Forget drops a task: it gets no further turn. A turn that it holds is its
// holder's to return.
func (s *Scheduler[K]) Forget(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[key]; ok {
		s.remove(e, s.now())
	}
}

// now returns the time since the epoch, on the monotonic clock.
func (s *Scheduler[K]) now() time.Duration { return time.Since(s.epoch) }

// add makes the entry of a task and returns its bucket.
func (s *Scheduler[K]) add(task Task[K], now time.Duration) *bucket[K] {
	b := s.bucketOf(task.Bucket, now)
	e := &entry[K]{
		key: task.Key, lane: b.laneOf(task.Region, task.Tenant), tenant: b.tenants.of(task.Tenant), kind: b.kindOf(task.Kind, now),
		born: now - min(max(task.Age, 0), ever/2), answered: never, known: never, tried: never, due: now,
	}
	if task.Polled {
		e.answered = now
	}
	b.tasks++
	e.lane.gate.tasks++
	e.lane.tasks++
	s.entries[task.Key] = e
	b.place(e, now)
	return b
}

func (s *Scheduler[K]) remove(e *entry[K], now time.Duration) {
	b := e.lane.gate.bucket
	b.tasks--
	e.lane.gate.tasks--
	e.lane.tasks--
	e.lane.fit()
	b.displace(e)
	b.tenants.leave(e.tenant)
	e.kind.leave(now)
	e.state = gone
	if b.tasks == 0 {
		b.idle = now
	}
	delete(s.entries, e.key)
}

// bucketOf returns the bucket of a name. When it makes one, it drops those that have
// not been used for long: until then what they learned, of tasks and of the quota,
// serves the next tasks.
func (s *Scheduler[K]) bucketOf(name Bucket, now time.Duration) *bucket[K] {
	b, ok := s.buckets[name]
	if ok {
		return b
	}
	for _, old := range s.buckets {
		if old.tasks == 0 && old.out == 0 && now-old.idle > keepIdle {
			old.timer.Stop()
			delete(s.buckets, old.name)
		}
	}
	b = newBucket[K](name, s.slots, s.planner, now)
	b.timer = time.AfterFunc(time.Hour, func() { s.ring(b) })
	b.timer.Stop()
	s.buckets[name] = b
	return b
}

func (s *Scheduler[K]) ring(b *bucket[K]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatch(b)
}

// spreadThrottling cuts the slots of the other buckets that a throttled answer speaks of.
func (s *Scheduler[K]) spreadThrottling(t *Turn[K], now time.Duration, outcome Outcome, retryAfter time.Duration) {
	for _, other := range s.buckets {
		name := t.entry.lane.gate.bucket.name
		sameAccount := outcome == ThrottledAccount && other.name.Account == name.Account
		if other.name != name && (sameAccount || outcome == ThrottledProcess) {
			other.limit.throttled(now, t.granted, other.limit.whole(), retryAfter)
		}
	}
}

// dispatch grants what can be granted now and sets the timer for what cannot. It
// is called whenever something changed, and decides again from the present state:
// no timer set under load outlives the load.
func (s *Scheduler[K]) dispatch(b *bucket[K]) {
	if !s.running {
		return
	}
	now := s.now()
	s.held.take(b)
	b.reclaim(now)
	b.promote(now)
	b.trackCongestion(now)
	for b.anyDue() && b.free() > 0 && now >= max(s.opens, b.opens(now)) {
		// Of what is left each bucket gets at most as much again as it has, so that
		// those whose calls hang leave some for the others.
		if b.out >= s.maxOut-s.out {
			s.held.put(b, time.Duration(b.out))
			break
		}
		e := b.next(now)
		if e == nil {
			break
		}
		turn := &Turn[K]{
			scheduler: s, entry: e, granted: now, waited: now - e.due, probe: !e.lane.open(),
			tried: e.tried, laneTried: e.lane.tried,
		}
		s.out++
		b.out++
		b.pace(now)
		e.state, e.tried, turn.full = out, now, b.full()
		e.lane.gate.grant(e, now)
		go s.grant(e.key, turn)
	}
	b.trackCongestion(now)
	if b.alarm = max(b.nextGrant(now), s.opens); b.alarm < ever {
		b.timer.Reset(b.alarm - now)
	} else {
		b.timer.Stop()
	}
}
