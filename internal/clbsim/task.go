package clbsim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Task is an asynchronous operation of the simulated API. It is in progress
// for Duration and then final.
type Task struct {
	// ID is the RequestId of the call that started the task. AddTask makes one
	// up if it is empty.
	ID string `json:"requestId"`
	// Product is the service that knows the task: CLB by default, or GWLB.
	Product string `json:"product"`
	// DealName, if set, is the name of the order that started the task: CLB knows the
	// task by it, too.
	DealName string `json:"dealName"`
	// Region, if set, is the only region that knows the task.
	Region string `json:"region"`
	// FromFirstPoll starts the clock with the first poll, instead of when the
	// task is added.
	FromFirstPoll bool          `json:"fromFirstPoll"`
	Duration      time.Duration `json:"-"` // The JSON interface has it as text.
	// Result is how the task ends, by default with success.
	Result Result `json:"result"`
	// Message is reported once the task has ended: the reason of a failure. An
	// empty one is reported as null.
	Message string `json:"message"`
	// LoadBalancerIDs are reported once the task has succeeded; none as null.
	LoadBalancerIDs []string `json:"loadBalancerIds"`

	started time.Time
}

// The services that have tasks.
const (
	CLB  = "clb"
	GWLB = "gwlb"
)

// taskKey is what a task is known by. The services do not know each other's tasks.
type taskKey struct {
	product, id string
	deal        bool // The ID is the name of an order.
}

// Result is how a task ends.
type Result string

// Results of tasks.
const (
	Succeeded Result = "succeeded"
	Failed    Result = "failed"
	// Stuck tasks never end.
	Stuck Result = "stuck"
)

// The values of Status in a reply to DescribeTaskStatus (API page 214/33823).
const (
	statusSucceeded = 0
	statusFailed    = 1
	statusRunning   = 2
)

// End returns when the task ends. It is zero if the task never ends, or if its
// clock has not started.
func (t Task) End() time.Time {
	if t.Result == Stuck || t.started.IsZero() {
		return time.Time{}
	}
	return t.started.Add(t.Duration)
}

func (t Task) status(now time.Time) int {
	switch end := t.End(); {
	case end.IsZero() || now.Before(end):
		return statusRunning
	case t.Result == Failed:
		return statusFailed
	default:
		return statusSucceeded
	}
}

func (t Task) validate() error {
	if !slices.Contains([]Result{"", Succeeded, Failed, Stuck}, t.Result) {
		return fmt.Errorf("unknown result %q", t.Result)
	}
	if !slices.Contains([]string{"", CLB, GWLB}, t.Product) {
		return fmt.Errorf("unknown product %q", t.Product)
	}
	return nil
}

// AddTask adds the task, replaces a former one of the same ID, and returns it
// with defaults filled in.
func (s *Simulator) AddTask(t Task) Task {
	t.ID, t.Product, t.Result = cmp.Or(t.ID, newUUID()), cmp.Or(t.Product, CLB), cmp.Or(t.Result, Succeeded)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.FromFirstPoll {
		t.started = s.config.Now()
	}
	key := taskKey{product: t.Product, id: t.ID}
	if former, ok := s.tasks[key]; ok {
		delete(s.tasks, taskKey{former.Product, former.DealName, true})
	}
	s.tasks[key] = &t
	if t.DealName != "" {
		s.tasks[taskKey{t.Product, t.DealName, true}] = &t
	}
	return t
}

// Task returns the task of CLB that has that ID, and whether there is one.
func (s *Simulator) Task(id string) (Task, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tasks[taskKey{product: CLB, id: id}]; ok {
		return *t, true
	}
	return Task{}, false
}
