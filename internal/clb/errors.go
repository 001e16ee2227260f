package clb

import (
	"fmt"
	"time"
)

// Class is what an error asks of whoever polls.
type Class int

// The classes, from "nobody's fault" to "never again".
const (
	// Soon: try again after some seconds; nothing has to change.
	Soon Class = iota
	// Throttle: the quota is used up. It is the bucket's matter, never the task's.
	Throttle
	// Configuration: somebody has to change credentials, permissions, an endpoint
	// or a clock before it can work.
	Configuration
	// Permanent: asking again the same way is in vain.
	Permanent
)

// String returns the class in one word.
func (c Class) String() string {
	switch c {
	case Soon:
		return "soon"
	case Throttle:
		return "throttle"
	case Configuration:
		return "configuration"
	case Permanent:
		return "permanent"
	default:
		return fmt.Sprintf("Class(%d)", int(c))
	}
}

// Problem names what is wrong, in one CamelCase word that is also the reason on
// the conditions of a task.
type Problem string

// The problems. A throttled call is ProblemThrottled; it is shown only where
// throttling lasts.
const (
	ProblemThrottled           Problem = "Throttled"
	ProblemAPIUnavailable      Problem = "APIUnavailable"
	ProblemAPIUnreachable      Problem = "APIUnreachable"
	ProblemUnexpectedAnswer    Problem = "UnexpectedAnswer"
	ProblemCredentialsMissing  Problem = "CredentialsMissing"
	ProblemCredentialsRejected Problem = "CredentialsRejected"
	ProblemClockSkew           Problem = "ClockSkew"
	ProblemAccessDenied        Problem = "AccessDenied"
	ProblemEndpointRefused     Problem = "EndpointRefused"
	ProblemTaskNotFound        Problem = "TaskNotFound"
	ProblemInvalidRegion       Problem = "InvalidRegion"
	ProblemInvalidRequest      Problem = "InvalidRequest"
	ProblemQueryRefused        Problem = "QueryRefused"
)

// Problems lists every Problem, for tests and documentation.
func Problems() []Problem {
	return []Problem{
		ProblemThrottled, ProblemAPIUnavailable, ProblemAPIUnreachable, ProblemUnexpectedAnswer,
		ProblemCredentialsMissing, ProblemCredentialsRejected, ProblemClockSkew, ProblemAccessDenied,
		ProblemEndpointRefused, ProblemTaskNotFound, ProblemInvalidRegion, ProblemInvalidRequest, ProblemQueryRefused,
	}
}

// Scope is how far a throttled answer reaches.
type Scope int

// The scopes, by the sub-code of RequestLimitExceeded (API page 1278/109059).
const (
	// ScopeBucket: this account at this host.
	ScopeBucket Scope = iota
	// ScopeAccount: this account at every host.
	ScopeAccount
	// ScopeProcess: every account, since the limit counts the caller's IP address.
	ScopeProcess
)

// Patience is what has to happen before an error is taken at its word, where
// one answer alone proves nothing.
type Patience int

// The kinds of patience.
const (
	// None: the class holds at once.
	None Patience = iota
	// NotFoundGrace: an ID may not be visible yet, so the error is Soon until the
	// object is older than the operator's grace, then Permanent.
	NotFoundGrace
	// OnceMore: the first one in a row is Soon, since a fresh signature may do.
	OnceMore
	// TenInARow: Soon, and Permanent (ProblemQueryRefused) only after ten in a row
	// over at least ten minutes.
	TenInARow
)

// Error is a call that gave no answer about the task. It says nothing of how the
// task itself goes: a failed call is never a failed task.
type Error struct {
	Class    Class
	Problem  Problem
	Patience Patience
	// Scope is how far it reaches, for class Throttle.
	Scope Scope
	// Code is the API's or the SDK's code, such as "AuthFailure.SignatureExpire".
	Code string
	// Message is the API's own text, without secrets. It may differ from call to
	// call, so it fits a log line, not a condition.
	Message string
	// RequestID is the ID of this very call, where the API answered at all.
	RequestID string
	// Skew is how far this machine's clock is ahead of the API's (negative:
	// behind), for ProblemClockSkew; zero where the answer bore no date.
	Skew time.Duration

	cause error
}

// Error returns one line without secrets.
func (e *Error) Error() string {
	text := fmt.Sprintf("DescribeTaskStatus: %s (%s", e.Problem, e.Class)
	if e.Code != "" {
		text += ", code " + e.Code
	}
	text += ")"
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the error of the transport, where there is one.
func (e *Error) Unwrap() error { return e.cause }

// Missing turns the error of a CredentialSource into an Error, so that a task
// without credentials is one more configuration problem.
func Missing(err error) *Error {
	return &Error{Class: Configuration, Problem: ProblemCredentialsMissing, Code: "ClientError.CredentialsMissing", Message: err.Error(), cause: err}
}
