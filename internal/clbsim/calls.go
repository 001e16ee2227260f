package clbsim

import (
	"slices"
	"sync"
	"time"
)

// Call is one request as it arrived, and what was made of it. It holds no
// secrets.
type Call struct {
	// At is when the request arrived.
	At time.Time `json:"at"`
	// Account is that of SecretID, empty when there is none. It is what the
	// request claims: Code tells whether the signature was right.
	Account  string `json:"account"`
	SecretID string `json:"secretID"`
	Region   string `json:"region"`
	// Host is the host name that was asked, without port, in lower case.
	Host     string `json:"host"`
	TaskID   string `json:"taskID"`
	DealName string `json:"dealName"`
	// RequestID is that of the answer.
	RequestID string `json:"requestID"`

	// Code is that of the error answered, "" for success and for faults that
	// carry none.
	Code string `json:"code"`
	// Status is the task's status that was looked up for the answer: 0
	// succeeded, 1 failed, 2 in progress; nil when it was not looked up.
	Status *int `json:"status"`
	// Throttled says that the quota refused the call.
	Throttled bool `json:"throttled"`
	// Fault names the faults that struck, joined by "+".
	Fault string `json:"fault"`

	// Language is the X-TC-Language header.
	Language  string `json:"language"`
	UserAgent string `json:"userAgent"`
}

// Stats sums up the calls since the simulator was made.
type Stats struct {
	// Calls is the number of all requests.
	Calls int `json:"calls"`
	// Accounts has the verified requests of each account that made any.
	Accounts map[string]AccountStats `json:"accounts"`
}

// AccountStats sums up the verified requests of an account that reached the
// quota; the package documentation tells what comes before it.
type AccountStats struct {
	// Arrivals counts the requests, throttled ones included. Background
	// consumption is not part of it.
	Arrivals int `json:"arrivals"`
	// Throttled counts the requests that the quota refused.
	Throttled int `json:"throttled"`
	// Peak is the largest number of arrivals at one gateway in any second,
	// wherever it begins.
	Peak int `json:"peak"`
}

// callLog keeps the last calls in a ring.
type callLog struct {
	limit int

	mu     sync.Mutex
	total  int
	ring   []Call
	oldest int
}

func (l *callLog) add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if len(l.ring) < l.limit {
		l.ring = append(l.ring, c)
		return
	}
	l.ring[l.oldest] = c
	l.oldest = (l.oldest + 1) % l.limit
}

func (l *callLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// where returns the calls that keep agrees to, oldest first.
func (l *callLog) where(keep func(*Call) bool) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var calls []Call
	for _, part := range [][]Call{l.ring[l.oldest:], l.ring[:l.oldest]} {
		for i := range part {
			if keep(&part[i]) {
				calls = append(calls, part[i])
			}
		}
	}
	return slices.Clip(calls)
}
