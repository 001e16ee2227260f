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
}

// Grant takes a turn for a task. It runs in a goroutine of its own and must
// return the turn on every path.
type Grant[K comparable] func(key K, turn *Turn[K])

// Scheduler hands out turns. It is safe for concurrent use.
type Scheduler[K comparable] struct {
	slots int
	grant Grant[K]

	mu      sync.Mutex
	running bool
	opens   time.Time // No turn before: see doc.go.
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
		entries: map[K]*entry[K]{},
		buckets: map[Bucket]*bucket[K]{},
	}, nil
}

// Start lets turns be granted from one Window after now.
func (s *Scheduler[K]) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
	s.opens = time.Now().Add(Window)
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
	e, known := s.entries[task.Key]
	if known && e.bucket.name != task.Bucket {
		// The credential changed: another account counts from now on. A turn of the
		// old bucket still comes back to the old bucket.
		s.remove(e)
		known = false
	}
	if !known {
		e = &entry[K]{key: task.Key, bucket: s.bucketOf(task.Bucket), index: unqueued}
		e.bucket.tasks++
		s.entries[task.Key] = e
	}
	if e.turn != nil {
		return
	}
	e.tenant, e.born = task.Tenant, task.Born
	now := time.Now()
	if e.index == unqueued || now.Before(e.due) {
		e.due = now // Asking again while waiting costs no task its place.
	}
	e.due = e.dueTime(e.due, task.NotBefore, rand.Float64())
	e.bucket.queue.put(e)
	s.pump(e.bucket)
}

// Forget drops a task: it gets no further turn. A turn that it holds is its
// holder's to return.
func (s *Scheduler[K]) Forget(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.entries[key]; ok {
		s.remove(e)
	}
}

// Len returns how many tasks are known.
func (s *Scheduler[K]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

func (s *Scheduler[K]) remove(e *entry[K]) {
	e.bucket.queue.drop(e)
	e.bucket.tasks--
	delete(s.entries, e.key)
	s.prune(e.bucket)
}

func (s *Scheduler[K]) bucketOf(name Bucket) *bucket[K] {
	b, ok := s.buckets[name]
	if !ok {
		b = &bucket[K]{name: name, slots: s.slots}
		b.timer = time.AfterFunc(time.Hour, func() { s.wake(b) })
		b.timer.Stop()
		s.buckets[name] = b
	}
	return b
}

// prune lets go of a bucket that nothing refers to, once its slots are back:
// a bucket made anew before that would own them twice.
func (s *Scheduler[K]) prune(b *bucket[K]) {
	if b.tasks == 0 && b.out == 0 && len(b.cooling) == 0 && s.buckets[b.name] == b {
		b.timer.Stop()
		delete(s.buckets, b.name)
	}
}

func (s *Scheduler[K]) wake(b *bucket[K]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pump(b)
	s.prune(b)
}

// pump grants what can be granted now and sets the timer for what cannot. It is
// called wherever something changed, and decides afresh from the present state:
// no timer set under load outlives the load.
func (s *Scheduler[K]) pump(b *bucket[K]) {
	if !s.running {
		return
	}
	now := time.Now()
	b.cool(now)
	for now.Compare(s.opens) >= 0 && b.free() > 0 {
		e := b.queue.next(now)
		if e == nil {
			break
		}
		e.turn = &Turn[K]{scheduler: s, bucket: b, entry: e, granted: now, waited: now.Sub(e.due)}
		b.out++
		go s.grant(e.key, e.turn)
	}
	b.arm(now, s.opens)
}
