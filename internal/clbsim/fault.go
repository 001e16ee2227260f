package clbsim

import (
	"errors"
	"fmt"
	"path"
	"time"
)

// Kind is what a [Fault] does.
type Kind string

const (
	// Latency holds the answer back by Delay, and up to Jitter more. It goes
	// together with other faults: first the wait, then the other. Several add up.
	Latency Kind = "Latency"
	// Hang never answers; it ends when the client gives up.
	Hang Kind = "Hang"
	// Reset drops the connection without an answer: a TCP RST where the
	// connection is a TCP one.
	Reset Kind = "Reset"
	// HTTPStatus answers with StatusCode, an HTML body and, if set, Location and
	// Retry-After.
	HTTPStatus Kind = "HTTPStatus"
	// BrokenBody answers with something that begins like a success but is no
	// JSON.
	BrokenBody Kind = "BrokenBody"
	// ShortBody cuts the true answer in the middle. The Content-Length is that
	// of what is sent, or with ClaimWhole that of the whole.
	ShortBody Kind = "ShortBody"
	// HugeBody pads the true answer to more than MiB mebibytes of valid JSON.
	HugeBody Kind = "HugeBody"
	// NullBody answers with the JSON value null.
	NullBody Kind = "NullBody"
	// EmptyObject answers with the JSON value {}.
	EmptyObject Kind = "EmptyObject"
	// NullStatus answers with "Status": null.
	NullStatus Kind = "NullStatus"
	// UnknownStatus answers with "Status": Value.
	UnknownStatus Kind = "UnknownStatus"
	// ErrorCode answers with the error Code and Message.
	ErrorCode Kind = "ErrorCode"
	// WrongContentType sends the true answer as text/event-stream.
	WrongContentType Kind = "WrongContentType"
)

// Fault is a misbehaviour of the API. Of the faults that match a call the one
// that was added first strikes; those of kind [Latency] all do.
type Fault struct {
	// Name is what [Call.Fault] shows; Kind by default.
	Name string
	Kind Kind

	// SecretID, Region and Host (without port) say which calls the fault
	// matches, and TaskID does as a pattern of [path.Match] for the task ID, or
	// the deal name where there is none. An empty field matches all calls; of
	// those that are set, each must match.
	SecretID string
	Region   string
	Host     string
	TaskID   string
	// Match, if set, must agree too. The call has the fields that a request
	// brings, before any of them is verified. Match may be called by several
	// requests at once.
	Match func(Call) bool

	// Count ends the fault after that many strikes; 0 is no limit.
	Count int
	// Share is how many of the matching calls are struck, at random; 0 is all
	// of them, as is 1.
	Share float64
	// After is how long the fault waits from when it is added, and For how long
	// it then lasts; 0 is at once and for ever.
	After time.Duration
	For   time.Duration

	// The rest are parameters of one kind each, which the others ignore.

	// Delay and Jitter are parameters of Latency.
	Delay  time.Duration
	Jitter time.Duration
	// StatusCode, Location and RetryAfter are parameters of HTTPStatus.
	StatusCode int
	Location   string
	RetryAfter string
	// Code and Message are parameters of ErrorCode.
	Code    string
	Message string
	// Value is the parameter of UnknownStatus.
	Value int64
	// MiB is the parameter of HugeBody.
	MiB int
	// ClaimWhole is the parameter of ShortBody.
	ClaimWhole bool
}

// Validate returns what keeps the fault from being added, or nil.
func (f Fault) Validate() error {
	if _, err := path.Match(f.TaskID, ""); err != nil {
		return fmt.Errorf("fault %s: task ID pattern %q: %w", f.name(), f.TaskID, err)
	}
	if f.Count < 0 || f.Share < 0 || f.Share > 1 || f.After < 0 || f.For < 0 {
		return fmt.Errorf("fault %s: count, after and for must not be negative, and share be from 0 to 1", f.name())
	}
	if err := f.validateKind(); err != nil {
		return fmt.Errorf("fault %s: %w", f.name(), err)
	}
	return nil
}

func (f Fault) validateKind() error {
	switch f.Kind {
	case Hang, Reset, BrokenBody, ShortBody, NullBody, EmptyObject, NullStatus, UnknownStatus, WrongContentType:
		return nil
	case Latency:
		if f.Delay < 0 || f.Jitter < 0 {
			return errors.New("delay and jitter must not be negative")
		}
	case HTTPStatus:
		// 1xx is no final answer, and net/http panics beyond 999.
		if f.StatusCode < 200 || f.StatusCode > 999 {
			return fmt.Errorf("the status code %d is not from 200 to 999", f.StatusCode)
		}
	case HugeBody:
		if f.MiB <= 0 {
			return errors.New("the number of mebibytes must be positive")
		}
	case ErrorCode:
		if f.Code == "" {
			return errors.New("the code is missing")
		}
	default:
		return fmt.Errorf("unknown kind %q", f.Kind)
	}
	return nil
}

func (f Fault) name() string {
	if f.Name == "" {
		return string(f.Kind)
	}
	return f.Name
}

// matches tells whether the fault is meant for the call, whatever the time and
// its luck.
func (f Fault) matches(c *Call) bool {
	if !optional(f.SecretID, c.SecretID) || !optional(f.Region, c.Region) || !optional(f.Host, c.Host) {
		return false
	}
	if f.TaskID != "" {
		asked := c.TaskID
		if asked == "" {
			asked = c.DealName
		}
		if ok, _ := path.Match(f.TaskID, asked); !ok {
			return false
		}
	}
	return f.Match == nil || f.Match(*c)
}

func optional(want, got string) bool { return want == "" || want == got }
