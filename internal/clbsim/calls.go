package clbsim

import (
	"maps"
	"slices"
	"time"
)

// Call is one request as it arrived, and how it ended. It has no secrets.
type Call struct {
	// At is when the request arrived.
	At     time.Time
	Region string
	// Service is the one that the call is signed for; empty if it is not signed.
	Service string
	// Action is the X-TC-Action header.
	Action string
	// Host is the Host header.
	Host string
	// Client is the address that the request came from.
	Client string
	// Account is the one whose key has signed the call; empty if it was not verified.
	Account string
	// TaskID and DealName say what is polled.
	TaskID, DealName string
	// Language is the X-TC-Language header.
	Language string
	// RequestID is that of the reply.
	RequestID string

	// Code is the error code of the reply, empty if there is none.
	Code string
	// Throttled reports that the quota refused the call.
	Throttled bool
	// Fault is the kind of the fault that struck, if any.
	Fault Kind
}

// Stats counts the calls since the simulator was made.
type Stats struct {
	// Calls counts all requests.
	Calls int `json:"calls"`
	// Accounts counts the verified requests of each account.
	Accounts map[string]AccountStats `json:"accounts"`
}

// Calls returns the calls kept, in order of arrival.
func (s *Simulator) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// CallsFor returns the calls kept that polled the task ID.
func (s *Simulator) CallsFor(taskID string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Call
	for _, c := range s.calls {
		if c.TaskID == taskID {
			found = append(found, c)
		}
	}
	return found
}

// CountCalls returns the number of all calls, kept or not.
func (s *Simulator) CountCalls() int { return s.Stats().Calls }

// Stats counts the calls since the simulator was made.
func (s *Simulator) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Calls: s.total, Accounts: maps.Clone(s.accounts)}
}

func (s *Simulator) log(c Call) {
	if len(s.calls) >= s.config.LogLimit {
		s.calls = slices.Delete(s.calls, 0, (len(s.calls)+1)/2)
	}
	s.calls = append(s.calls, c)
	s.total++
}
