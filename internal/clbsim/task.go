package clbsim

import (
	"encoding"
	"slices"
	"time"
)

// Task is an asynchronous operation of the simulated API, as a mutating call
// would have started it. From its clock's begin (Created) it is unknown for
// VisibleAfter, in progress until [Task.End] and then final for ever.
type Task struct {
	// ID is what DescribeTaskStatus asks for: the RequestId of the mutating
	// call. AddTask makes one up when it is empty.
	ID string
	// DealName is the order of a prepaid purchase, under which the task can be
	// asked for as well; optional.
	DealName string
	// Region, if set, is the only one that knows the task.
	Region string
	// Account, if set, is the only one that knows the task.
	Account string

	// Created is when the clock begins: by default when the task is added, or
	// first asked for with FromFirstAsk.
	Created time.Time
	// FromFirstAsk begins the clock with the first call that asks for the task.
	FromFirstAsk bool
	// VisibleAfter is how long the task stays unknown after Created.
	VisibleAfter time.Duration
	// StartDelay and Duration add up to the time from Created to the end.
	StartDelay time.Duration
	Duration   time.Duration

	// Outcome is how the task ends.
	Outcome Outcome
	// Message is told once the task has ended: the reason of a failure. An
	// empty one is told as null.
	Message string
	// LoadBalancerIDs is told once the task has succeeded; an empty one is
	// told as null.
	LoadBalancerIDs []string
}

// End returns when the task ends. It is zero for a task that never ends, or
// whose clock has not begun.
func (t Task) End() time.Time {
	if t.Outcome == Stuck || t.Created.IsZero() {
		return time.Time{}
	}
	return t.Created.Add(t.StartDelay + t.Duration)
}

// The values of Status in the answer of DescribeTaskStatus (API page 214/33823).
const (
	statusSucceeded = 0
	statusFailed    = 1
	statusRunning   = 2
)

func (t Task) statusAt(now time.Time) int {
	switch end := t.End(); {
	case end.IsZero() || now.Before(end):
		return statusRunning
	case t.Outcome == Failed:
		return statusFailed
	default:
		return statusSucceeded
	}
}

func (t Task) clone() Task {
	t.LoadBalancerIDs = slices.Clone(t.LoadBalancerIDs)
	return t
}

// Outcome is how a task ends. It is written "Succeeded", "Failed" and "Stuck".
type Outcome int

const (
	// Succeeded tasks end with Status 0.
	Succeeded Outcome = iota
	// Failed tasks end with Status 1.
	Failed
	// Stuck tasks stay at Status 2 for ever.
	Stuck
)

var outcomeNames = names[Outcome]{Succeeded: "Succeeded", Failed: "Failed", Stuck: "Stuck"}

var (
	_ encoding.TextMarshaler   = Outcome(0)
	_ encoding.TextUnmarshaler = (*Outcome)(nil)
)

// String returns the written form.
func (o Outcome) String() string { return outcomeNames.text(o) }

// MarshalText returns the written form; it fails for values that have none.
func (o Outcome) MarshalText() ([]byte, error) { return outcomeNames.marshal(o) }

// UnmarshalText reads the written form; it fails for any other text.
func (o *Outcome) UnmarshalText(text []byte) error { return outcomeNames.unmarshal(o, text) }
