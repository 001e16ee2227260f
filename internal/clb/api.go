package clb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// State is where the cloud says that a task stands.
type State int

// The states, in the numbering of the API.
const (
	Succeeded  State = 0
	Failed     State = 1
	InProgress State = 2
)

// Answer is what the API says of a task.
type Answer struct {
	State State
	// Message is the cloud's text, such as the reason of a failure; often empty.
	Message string
	// LoadBalancerIDs are filled for creations.
	LoadBalancerIDs []string
	// RequestID is the ID of the call that brought this answer, for support.
	RequestID string
}

// Question names a task and who asks for it.
type Question struct {
	// Region is where the mutating call was sent.
	Region string
	// TaskID is the RequestId that the mutating call returned.
	TaskID string
	// Credential signs the call.
	Credential Credential
}

// API makes calls to the CLB API. It is safe for concurrent use.
type API struct {
	endpoints Endpoints
	timeout   time.Duration
	transport http.RoundTripper
	clients   *lru.Cache[clientKey, *sdk.Client]
}

// clientKey is what an SDK client is fixed to. The region is not: it travels
// with each request.
type clientKey struct {
	endpoint   Endpoint
	credential string
}

// maxCodeBytes bounds an error code, which goes into metrics and conditions. The
// longest of those that are documented has 49.
const maxCodeBytes = 100

// maxClients bounds the cache of SDK clients: hosts times credentials.
const maxClients = 1024

// NewAPI makes an API. timeout bounds one call, from the connection to the last
// byte of the answer.
func NewAPI(endpoints Endpoints, timeout time.Duration) (*API, error) {
	if timeout <= 0 {
		return nil, fmt.Errorf("--clb-timeout is %v: give a duration above zero, such as 5s", timeout)
	}
	clients, err := lru.New[clientKey, *sdk.Client](maxClients)
	if err != nil {
		return nil, fmt.Errorf("make the cache of clients: %w", err)
	}
	return &API{endpoints: endpoints, timeout: timeout, transport: guard{newTransport()}, clients: clients}, nil
}

// Endpoint returns where calls for a region go.
func (a *API) Endpoint(region string) Endpoint { return a.endpoints.For(region) }

// DescribeTaskStatus asks once, and never retries (API page 214/33823). Its
// error is an *Error, except where ctx itself ended: then it is ctx's error,
// which says nothing of the API.
func (a *API) DescribeTaskStatus(ctx context.Context, q Question) (Answer, error) {
	endpoint := a.endpoints.For(q.Region)
	client, err := a.client(endpoint, q.Credential)
	if err != nil {
		return Answer{}, Missing(err)
	}
	request := sdk.NewDescribeTaskStatusRequest()
	request.TaskId = &q.TaskID
	// The SDK fixes a client to one region; a header of the request overrides
	// it, so that one client serves all regions of a host.
	request.SetHeader(map[string]string{"X-TC-Region": q.Region})

	note := new(exchange)
	callCtx, cancel := context.WithTimeout(context.WithValue(ctx, exchangeKey{}, note), a.timeout)
	defer cancel()
	response, err := describe(callCtx, client, request)
	if ctx.Err() != nil {
		return Answer{}, fmt.Errorf("DescribeTaskStatus: %w", ctx.Err())
	}
	if callCtx.Err() != nil && err != nil {
		err = &Error{
			Class: Soon, Problem: ProblemAPIUnreachable, Code: "ClientError.Timeout",
			Message: fmt.Sprintf("no whole answer within %v", a.timeout), cause: callCtx.Err(),
		}
	}
	if err != nil {
		return Answer{}, translate(err, endpoint, q.Credential, note)
	}
	return interpret(response, q.Credential)
}

// client returns the SDK client of an endpoint and credential.
func (a *API) client(endpoint Endpoint, credential Credential) (*sdk.Client, error) {
	key := clientKey{endpoint, credential.fingerprint()}
	if client, ok := a.clients.Get(key); ok {
		return client, nil
	}
	settings := profile.NewClientProfile()
	settings.Language = "en-US"
	settings.DisableRegionBreaker = true
	settings.NetworkFailureMaxRetries = 0
	settings.RateLimitExceededMaxRetries = 0
	settings.HttpProfile.Scheme = endpoint.Scheme
	settings.HttpProfile.Endpoint = endpoint.Host
	settings.HttpProfile.ReqMethod = http.MethodPost
	settings.HttpProfile.ReqTimeout = 0 // Whole seconds only; the context does it.
	pair := common.NewTokenCredential(credential.secretID, credential.secretKey, credential.token)
	client, err := sdk.NewClient(pair, "", settings)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", endpoint.Host, err)
	}
	client.WithHttpTransport(a.transport)
	client.WithRequestClient("clbtask-operator")
	// Two callers may make a client each; either is as good.
	a.clients.Add(key, client)
	return client, nil
}

// describe is the SDK's call, with its panics as errors: a body of just "null"
// makes it dereference nil.
func describe(ctx context.Context, client *sdk.Client, request *sdk.DescribeTaskStatusRequest) (response *sdk.DescribeTaskStatusResponse, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = unexpected("the SDK cannot read the answer")
		}
	}()
	return client.DescribeTaskStatusWithContext(ctx, request)
}

// interpret takes an answer only where it leaves no doubt.
func interpret(response *sdk.DescribeTaskStatusResponse, credential Credential) (Answer, error) {
	if response == nil || response.Response == nil || response.Response.Status == nil {
		return Answer{}, unexpected("the answer has no status")
	}
	r := response.Response
	if r.RequestId == nil || *r.RequestId == "" {
		// Every answer of the API bears one: this is somebody else's JSON.
		return Answer{}, unexpected("the answer has no request ID")
	}
	answer := Answer{State: State(*r.Status), RequestID: *r.RequestId}
	switch answer.State {
	case Succeeded, Failed, InProgress:
	default:
		e := unexpected(fmt.Sprintf("the answer has the undocumented status %d", *r.Status))
		e.RequestID = answer.RequestID
		return Answer{}, e
	}
	if r.Message != nil {
		answer.Message = credential.redact(strings.TrimSpace(*r.Message))
	}
	for _, id := range r.LoadBalancerIds {
		if id != nil && *id != "" {
			answer.LoadBalancerIDs = append(answer.LoadBalancerIDs, *id)
		}
	}
	return answer, nil
}

func unexpected(message string) *Error {
	return &Error{Class: Soon, Problem: ProblemUnexpectedAnswer, Code: "ClientError.UnexpectedAnswer", Message: message}
}

// unreachable says why no answer came, without the SDK's own text: that holds
// the whole body, of unknown size and origin.
func unreachable(err error, note *exchange) string {
	var network *url.Error
	switch {
	case note.tooLarge:
		return ": " + errBodyTooLarge.Error()
	case errors.As(err, &network):
		return ": " + network.Err.Error()
	default:
		return ": its body is broken"
	}
}

// translate turns what the SDK returned into an *Error.
func translate(err error, endpoint Endpoint, credential Credential, note *exchange) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	code, message, requestID := "ClientError", "", ""
	var sdkErr *sdkerrors.TencentCloudSDKError
	if errors.As(err, &sdkErr) {
		code, message, requestID = sdkErr.Code, sdkErr.Message, sdkErr.RequestId
	}
	if len(code) > maxCodeBytes {
		return unexpected(fmt.Sprintf("the error code has %d bytes", len(code)))
	}
	m := classify(code, endpoint.Custom)
	e := &Error{
		Class: m.class, Problem: m.problem, Patience: m.patience, Scope: m.scope,
		Code: code, RequestID: requestID, cause: err,
	}
	var answer *answerError
	switch family, _, _ := strings.Cut(code, "."); {
	case errors.As(err, &answer):
		e.Code, e.Message = "ClientError.HTTP", answer.Error()
	case certificateProblem(err):
		e.Code = "ClientError.Certificate"
		e.Class, e.Message = Configuration, "the certificate of "+endpoint.Host+" is not trusted"
	case family == "ClientError" && m.problem == ProblemAPIUnreachable:
		e.Message = "no usable answer from " + endpoint.Host + unreachable(err, note)
	default:
		e.Message = credential.redact(message)
	}
	if e.Problem == ProblemClockSkew && !note.date.IsZero() {
		e.Skew = note.received.Sub(note.date)
	}
	return e
}
