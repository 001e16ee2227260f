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
	// Account identifies who signs the calls.
	Account string
}

// Task is what the scheduler knows of something to be asked about.
type Task[K comparable] struct {
	// Key identifies the task.
	Key K
	// Bucket is whose quota its calls use.
	Bucket Bucket
	// Tenant is who shares the bucket with others, such as a namespace.
	Tenant string
	// Born is when the task began; its age decides how often it is asked.
	Born time.Time
	// NotBefore, where later than the task's own interval, is the earliest time
	// of the next turn.
	NotBefore time.Time
	// Resumed says that a former process has asked about the task already: it
	// goes by its age, not among those that nobody has asked about.
	Resumed bool
}

// Grant takes a turn for a task. It runs in a goroutine of its own and must
// return the turn on every path.
type Grant[K comparable] func(key K, turn *Turn[K])

// Scheduler hands out turns. It is safe for concurrent use.
type Scheduler[K comparable] struct {
	slots int
	grant Grant[K]
	worth order
	epoch time.Time // Times inside are durations since.

	mu      sync.Mutex
	running bool
	opens   time.Duration // No turn before: see doc.go.
	entries map[K]*entry[K]
	buckets map[Bucket]*bucket[K]
}

// New makes a scheduler whose buckets own the given number of slots. Turns are
// granted between Start and Stop.
func New[K comparable](slots int, grant Grant[K]) (*Scheduler[K], error) {
	if slots < 1 || slots > MaxSlots {
		return nil, fmt.Errorf("%d requests a second: give a number from 1 to %d, the API's own limit", slots, MaxSlots)
	}
	return &Scheduler[K]{
		slots:   slots,
		grant:   grant,
		worth:   (*hazard).worth,
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
		s.pump(b)
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

// Ask asks for one turn, or changes what an earlier Ask said. A task that holds
// a turn is not queued: its holder asks again with the answer in hand.
func (s *Scheduler[K]) Ask(task Task[K]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	e, known := s.entries[task.Key]
	if known && e.bucket.name != task.Bucket {
		// The credential changed: another account counts from now on. A turn of the
		// old bucket still comes back to the old bucket.
		s.remove(e, now)
		known = false
	}
	if !known {
		e = s.add(task, now)
	}
	if e.turn != nil {
		return
	}
	e.born = max(task.Born.Sub(s.epoch), never/2) // A zero time is as old as can be.
	e.move(task.Tenant)
	notBefore := task.NotBefore.Sub(s.epoch)
	if e.line == nil || notBefore > now { // Asking again costs no task its place.
		e.due = e.dueTime(now, notBefore, rand.Float64())
		if !known {
			e.due = max(now, notBefore) // After a restart, too: what is known is old.
		}
		e.bucket.place(e, now)
	}
	s.pump(e.bucket)
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

// Len returns how many tasks are known.
func (s *Scheduler[K]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// now returns the time since the epoch, on the monotonic clock.
func (s *Scheduler[K]) now() time.Duration { return time.Since(s.epoch) }

func (s *Scheduler[K]) add(task Task[K], now time.Duration) *entry[K] {
	b := s.bucketOf(task.Bucket, now)
	e := &entry[K]{key: task.Key, bucket: b, tenant: b.tenants.of(task.Tenant), asked: never, known: never, index: unqueued}
	if task.Resumed {
		e.asked = now
	}
	b.tasks++
	e.tenant.tasks++
	s.entries[task.Key] = e
	return e
}

func (s *Scheduler[K]) remove(e *entry[K], now time.Duration) {
	e.tenant.tasks--
	e.bucket.displace(e)
	e.bucket.tasks--
	if e.bucket.tasks == 0 {
		e.bucket.idle = now
	}
	delete(s.entries, e.key)
}

// bucketOf returns the bucket of a name. Where it has to make one, it lets go of
// those that nobody has used for long: in the meantime what they learned, of
// tasks and of the quota, serves the next tasks.
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
	b = newBucket[K](name, s.slots, s.worth, now)
	b.timer = time.AfterFunc(time.Hour, func() { s.wake(b) })
	b.timer.Stop()
	s.buckets[name] = b
	return b
}

func (s *Scheduler[K]) wake(b *bucket[K]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pump(b)
}

// spreadThrottling halves the other buckets that a throttled answer speaks of.
func (s *Scheduler[K]) spreadThrottling(t *Turn[K], now time.Duration, outcome Outcome) {
	for _, other := range s.buckets {
		sameAccount := outcome == ThrottledAccount && other.name.Account == t.bucket.name.Account
		if other != t.bucket && (sameAccount || outcome == ThrottledProcess) {
			other.limit.throttled(now, t.granted, other.limit.slots)
		}
	}
}

// pump grants what can be granted now and sets the timer for what cannot. It is
// called wherever something changed, and decides afresh from the present state:
// no timer set under load outlives the load.
func (s *Scheduler[K]) pump(b *bucket[K]) {
	if !s.running {
		return
	}
	now := s.now()
	b.cool(now)
	b.promote(now)
	b.note(now)
	for b.anyDue() && b.free() > 0 && now >= max(s.opens, b.opens(now)) {
		e := b.next(now)
		b.out++
		b.pace(now)
		e.turn = &Turn[K]{scheduler: s, bucket: b, entry: e, granted: now, waited: now - e.due, full: b.free() == 0}
		go s.grant(e.key, e.turn)
	}
	b.note(now)
	if b.alarm = max(b.wake(now), s.opens); b.alarm < ever {
		b.timer.Reset(b.alarm - now)
	} else {
		b.timer.Stop()
	}
}
