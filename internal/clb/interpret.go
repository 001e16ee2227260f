package clb

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
)

// maxCodeBytes bounds an error code, which goes into metrics and conditions. The
// longest of those that are documented has 49.
const maxCodeBytes = 100

// maxIDBytes bounds the ID of a call. Real ones have 36.
const maxIDBytes = 100

// maxMessageBytes bounds a text of the API, which is kept with the task: some
// 4096 characters of any script.
const maxMessageBytes = 16 << 10

// interpret returns the status that a response leaves no doubt about.
func interpret(response *sdk.DescribeTaskStatusResponse, credential Credential) (TaskStatus, error) {
	if response == nil || response.Response == nil || response.Response.Status == nil {
		return TaskStatus{}, unexpected("the answer has no status")
	}
	r := response.Response
	if r.RequestId == nil || *r.RequestId == "" {
		// Every answer of the API has one: this is JSON from something else.
		return TaskStatus{}, unexpected("the answer has no request ID")
	}
	if len(*r.RequestId) > maxIDBytes {
		return TaskStatus{}, unexpected(fmt.Sprintf("the request ID of the answer has %d bytes", len(*r.RequestId)))
	}
	status := TaskStatus{State: State(*r.Status), RequestID: *r.RequestId}
	switch status.State {
	case Succeeded, Failed, InProgress:
	default:
		e := unexpected(fmt.Sprintf("the answer has the undocumented status %d", *r.Status))
		e.RequestID = status.RequestID
		return TaskStatus{}, e
	}
	if r.Message != nil {
		status.Message = truncate(credential.redact(strings.TrimSpace(*r.Message)), maxMessageBytes)
	}
	for _, id := range r.LoadBalancerIds {
		if id != nil && *id != "" {
			status.LoadBalancerIDs = append(status.LoadBalancerIDs, *id)
		}
	}
	return status, nil
}

// translate turns an error of the SDK into an *Error. redact removes the secrets of
// the call from a text.
func translate(err error, endpoint Endpoint, redact func(string) string, info *responseInfo) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Code: "ClientError", cause: err}
	message := ""
	var sdkErr *sdkerrors.TencentCloudSDKError
	if errors.As(err, &sdkErr) {
		e.Code, message, e.RequestID = sdkErr.Code, sdkErr.Message, sdkErr.RequestId
	}
	if len(e.Code) > maxCodeBytes {
		return unexpected(fmt.Sprintf("the error code has %d bytes", len(e.Code)))
	}
	known := classify(e.Code)
	e.Problem, e.Scope, e.Message = known.problem, known.scope, redact(message)
	var refused *responseError
	switch untrusted := untrustedCertificate(err); {
	case errors.As(err, &refused):
		e = ownError(refused.code, refused.text, err)
		e.RetryAfter = refused.retryAfter
	case untrusted != nil:
		e = ownError("ClientError.Certificate", fmt.Sprintf("the certificate of %s is not trusted: %v", endpoint.Host, untrusted), err)
	case e.Problem == ProblemAPIUnreachable:
		e.Message = fmt.Sprintf("no usable answer from %s: %s", endpoint.Host, unreachable(err, info))
	case e.Problem == ProblemInvalidRegion && endpoint.Custom:
		// The configuration chose a host that does not serve the region, so the
		// region is not to blame.
		e.Problem = ProblemEndpointRefused
	case e.Problem == ProblemThrottled:
		e.RetryAfter = info.retryAfter
	case e.Problem == ProblemClockSkew && !info.date.IsZero():
		e.Skew = info.received.Sub(info.date)
	}
	e.Message, e.RequestID = truncate(e.Message, maxMessageBytes), truncate(e.RequestID, maxIDBytes)
	return e
}

func unexpected(message string) *Error {
	return ownError("ClientError.UnexpectedAnswer", message, nil)
}

// unreachable says why no answer came. It leaves the SDK's own text out: that
// holds the whole body, of unknown size and origin.
func unreachable(err error, info *responseInfo) string {
	var network *url.Error
	switch {
	case info.tooLarge:
		return errBodyTooLarge.Error()
	case errors.As(err, &network):
		return network.Err.Error()
	default:
		return "its body is broken"
	}
}

// truncate shortens a text to at most so many bytes, at a rune boundary.
func truncate(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
