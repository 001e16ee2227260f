package clbsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
)

// Kind is what a [Fault] does.
type Kind string

const (
	// Hang never replies. It ends when the client gives up.
	Hang Kind = "Hang"
	// Reset drops the connection without a reply, with a TCP RST.
	Reset Kind = "Reset"
	// HTTPResponse replies with StatusCode, Header and Body, as a proxy in front
	// of the gateway does. The default of Body is an HTML page.
	HTTPResponse Kind = "HTTPResponse"
	// ErrorCode replies with the error Code and Message.
	ErrorCode Kind = "ErrorCode"
)

// Fault is a misbehavior of the API. Of the faults that match a call, the one
// that was added first strikes; see the package documentation for the order.
type Fault struct {
	Kind Kind `json:"kind"`
	// Region, if set, is the region of the calls that match.
	Region string `json:"region"`
	// Match, if set, reports whether a call matches. It sees what the request
	// says, before any of it is verified, and must not call the simulator.
	Match func(Call) bool `json:"-"`
	// Share is the part of the matching calls that are struck, at random. Zero
	// means all.
	Share float64 `json:"share"`

	// StatusCode, Header and Body are parameters of HTTPResponse.
	StatusCode int         `json:"statusCode"`
	Header     http.Header `json:"header"`
	Body       string      `json:"body"`
	// Code and Message are parameters of ErrorCode.
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f Fault) validate() error {
	switch {
	case !slices.Contains([]Kind{Hang, Reset, HTTPResponse, ErrorCode}, f.Kind):
		return fmt.Errorf("unknown kind %q", f.Kind)
	case f.Share < 0 || f.Share > 1:
		return fmt.Errorf("the share %g is not from 0 to 1", f.Share)
	case f.Kind == HTTPResponse && (f.StatusCode < 200 || f.StatusCode > 599):
		return fmt.Errorf("the status code %d is not from 200 to 599", f.StatusCode)
	case f.Kind == ErrorCode && f.Code == "":
		return errors.New("the code is missing")
	default:
		return nil
	}
}

func (f Fault) matches(c Call, random *rand.Rand) bool {
	return (f.Region == "" || f.Region == c.Region) &&
		(f.Match == nil || f.Match(c)) &&
		(f.Share == 0 || random.Float64() < f.Share)
}

// AddFault adds a fault. It panics if the fault is not valid.
func (s *Simulator) AddFault(f Fault) {
	if err := f.validate(); err != nil {
		panic("clbsim: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// ClearFaults removes all faults.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike returns the fault that strikes the call, or the zero Fault. ErrorCode
// strikes behind the gateway, all others in front of it.
func (s *Simulator) strike(c *Call, inFront bool) Fault {
	for _, f := range s.faults {
		if (f.Kind != ErrorCode) == inFront && f.matches(*c, s.random) {
			c.Fault = f.Kind
			return f
		}
	}
	return Fault{}
}
