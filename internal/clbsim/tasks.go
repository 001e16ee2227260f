package clbsim

import (
	"sync"
	"time"
)

// tasks holds the tasks by ID, with an index of their deal names, so that a
// look-up costs the same among ten and among 100,000.
type tasks struct {
	clockFromFirstAsk bool

	mu     sync.Mutex
	byID   map[string]*Task
	byDeal map[string]string
}

func newTasks(clockFromFirstAsk bool) *tasks {
	return &tasks{clockFromFirstAsk: clockFromFirstAsk, byID: map[string]*Task{}, byDeal: map[string]string{}}
}

// add stores the task in place of a former one of that ID and returns it as
// stored.
func (ts *tasks) add(t Task, now time.Time) Task {
	t = t.clone()
	t.FromFirstAsk = t.FromFirstAsk || ts.clockFromFirstAsk
	if t.ID == "" {
		t.ID = newUUID()
	}
	if t.Created.IsZero() && !t.FromFirstAsk {
		t.Created = now
	}

	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.drop(t.ID)
	ts.byID[t.ID] = &t
	if t.DealName != "" {
		ts.byDeal[t.DealName] = t.ID
	}
	return t.clone()
}

func (ts *tasks) remove(id string) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.drop(id)
}

func (ts *tasks) drop(id string) bool {
	t, ok := ts.byID[id]
	if !ok {
		return false
	}
	delete(ts.byID, id)
	// A later task may have taken over the deal name.
	if ts.byDeal[t.DealName] == id {
		delete(ts.byDeal, t.DealName)
	}
	return true
}

func (ts *tasks) get(id string) (Task, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, ok := ts.byID[id]
	if !ok {
		return Task{}, false
	}
	return t.clone(), true
}

func (ts *tasks) all() []Task {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	all := make([]Task, 0, len(ts.byID))
	for _, t := range ts.byID {
		all = append(all, t.clone())
	}
	return all
}

// ask is the look-up of a call: the task as this caller may see it now. The
// result shares LoadBalancerIDs, which nothing writes to.
func (ts *tasks) ask(c *Call, now time.Time) (Task, bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	id := c.TaskID
	if id == "" {
		id = ts.byDeal[c.DealName]
	}
	t, ok := ts.byID[id]
	if !ok || t.Region != "" && t.Region != c.Region || t.Account != "" && t.Account != c.Account {
		return Task{}, false
	}
	if t.Created.IsZero() {
		t.Created = now
	}
	if now.Before(t.Created.Add(t.VisibleAfter)) {
		return Task{}, false
	}
	return *t, true
}
