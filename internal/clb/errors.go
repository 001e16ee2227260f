package clb

import (
	"cmp"
	"fmt"
	"time"
)

// Problem names what is wrong, in one CamelCase word that is also the reason on
// the conditions of a task. What a problem is about, and whether it needs
// intervention, is said by internal/lifecycle.
type Problem string

// The problems.
const (
	// ProblemThrottled: the quota is used up. It says nothing about the task.
	ProblemThrottled Problem = "Throttled"
	// ProblemAPIUnavailable: the API answered that it cannot serve the call now.
	ProblemAPIUnavailable Problem = "APIUnavailable"
	// ProblemAPIUnreachable: no usable response came from the host.
	ProblemAPIUnreachable Problem = "APIUnreachable"
	// ProblemCertificateUntrusted: the certificate of the host is not trusted.
	ProblemCertificateUntrusted Problem = "CertificateUntrusted"
	// ProblemUnexpectedAnswer: a response came that DescribeTaskStatus does not document.
	ProblemUnexpectedAnswer Problem = "UnexpectedAnswer"
	// ProblemCredentialsMissing: there is nothing to sign with. No call was made.
	ProblemCredentialsMissing Problem = "CredentialsMissing"
	// ProblemCredentialsRejected: the API does not accept the credential, or STS does
	// not issue one.
	ProblemCredentialsRejected Problem = "CredentialsRejected"
	// ProblemClockSkew: the clock of this machine or of the API is wrong.
	ProblemClockSkew Problem = "ClockSkew"
	// ProblemAccessDenied: the credential is accepted, but not for this call.
	ProblemAccessDenied Problem = "AccessDenied"
	// ProblemEndpointRefused: the configured host does not serve this call.
	ProblemEndpointRefused Problem = "EndpointRefused"
	// ProblemTaskNotFound: the API does not know the task.
	ProblemTaskNotFound Problem = "TaskNotFound"
	// ProblemLoadBalancerNotFound: the load balancer of the task does not exist.
	ProblemLoadBalancerNotFound Problem = "LoadBalancerNotFound"
	// ProblemInvalidRegion: Tencent Cloud's own host does not serve the region.
	ProblemInvalidRegion Problem = "InvalidRegion"
	// ProblemInvalidRequest: the API refuses the form of the task ID or region.
	ProblemInvalidRequest Problem = "InvalidRequest"
	// ProblemQueryRefused: the API answered FailedOperation and nothing more exact.
	// The call failed; the task need not have.
	ProblemQueryRefused Problem = "QueryRefused"
)

// Scope is how far throttling reaches.
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

// Error is a poll that brought no answer about the task. It says nothing about
// how the task itself goes: a failed poll is never a failed task. It never changes,
// so that polls may share one.
type Error struct {
	Problem Problem
	// Action is the call that failed, such as "AssumeRole": then the poll had no
	// credential to sign with and was not sent. It is empty for DescribeTaskStatus.
	Action string
	// Scope is how far it reaches, for ProblemThrottled.
	Scope Scope
	// Code is the API's or the SDK's code, such as "AuthFailure.SignatureExpire",
	// of at most 100 bytes.
	Code string
	// Message is the API's own text, without secrets and of at most 16 KiB. It
	// may differ from poll to poll, so it fits a log line, not a condition.
	Message string
	// Account is the account that polled, as its CredentialSource has it; empty if
	// there was no credential.
	Account string
	// Source says where the credential comes from, or should have come from; empty if the
	// CredentialSource is no fmt.Stringer.
	Source string
	// RequestID is the ID of this very call, empty if the API did not answer.
	RequestID string
	// Skew is how far this machine's clock is ahead of the API's (negative:
	// behind), for ProblemClockSkew. It is zero if the response had no date.
	Skew time.Duration
	// RetryAfter is how long to wait before the next call, as the server says, for
	// ProblemThrottled: from 0 (it does not say) to one minute.
	RetryAfter time.Duration

	cause error
}

// Error returns one line without secrets.
func (e *Error) Error() string {
	text := cmp.Or(e.Action, "DescribeTaskStatus") + ": " + string(e.Problem)
	if e.Code != "" {
		text += fmt.Sprintf(" (code %s)", e.Code)
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the error of the transport or of the CredentialSource, or nil.
func (e *Error) Unwrap() error { return e.cause }

// ownCodes are those of failures that are found on this side. classify does not look
// here, since an answer that bears one is not the API's.
var ownCodes = map[string]errorInfo{
	"ClientError.CredentialsMissing": {problem: ProblemCredentialsMissing},
	"ClientError.Certificate":        {problem: ProblemCertificateUntrusted},
	"ClientError.UnexpectedAnswer":   {problem: ProblemUnexpectedAnswer},
	"ClientError.Timeout":            {problem: ProblemAPIUnreachable},
	"ClientError.HTTP":               {problem: ProblemAPIUnreachable},
	"ClientError.HTTP429":            {problem: ProblemThrottled},
	"ClientError.HTTP503":            {problem: ProblemThrottled},
}

// ownError returns the error of a failure that is found on this side.
func ownError(code, message string, cause error) *Error {
	return &Error{Problem: ownCodes[code].problem, Code: code, Message: message, cause: cause}
}
