package clb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// State is how far a task has come, as the API says.
type State int

// The states, in the numbering of the API.
const (
	Succeeded  State = 0
	Failed     State = 1
	InProgress State = 2
)

// TaskStatus is what the API says about a task.
type TaskStatus struct {
	State State
	// Message is the API's text, such as the reason of a failure; often empty.
	Message string
	// LoadBalancerIDs are filled for creations.
	LoadBalancerIDs []string
	// RequestID is the ID of the call that brought this status, for support.
	RequestID string
}

// Simulated reports whether a request ID is one of the simulator's calls, of which no
// answer says anything of the cloud.
func Simulated(requestID string) bool { return strings.HasPrefix(requestID, "simulated-") }

// TaskQuery names a task.
type TaskQuery struct {
	// Product is whose API knows the task; empty for CLB.
	Product Product
	// Region is the region that the mutating call was sent to.
	Region string
	// TaskID is the RequestId that the mutating call returned. DealName is the name of
	// a prepaid order, in its place; only CLB has these.
	TaskID, DealName string
	// Credentials sign the call; nil for those of the API.
	Credentials CredentialSource
}

// API polls tasks. It is safe for concurrent use.
type API struct {
	endpoints   Endpoints
	credentials CredentialSource
	timeout     time.Duration
	transport   http.RoundTripper
	clients     *lru.Cache[clientKey, *sdk.Client]
}

// clientKey is what an SDK client is fixed to. The region is not: it travels
// with each request.
type clientKey struct{ scheme, host, credential string }

// maxClients bounds the cache of SDK clients: hosts times credentials.
const maxClients = 1024

// NewAPI makes an API whose calls are signed with credentials. timeout bounds
// one poll, from the credential to the last byte of the answer.
func NewAPI(endpoints Endpoints, credentials CredentialSource, timeout time.Duration) (*API, error) {
	if timeout <= 0 {
		return nil, fmt.Errorf("--clb-timeout is %v: give a duration above zero, such as 5s", timeout)
	}
	clients, err := lru.New[clientKey, *sdk.Client](maxClients)
	if err != nil {
		return nil, fmt.Errorf("make the cache of clients: %w", err)
	}
	return &API{
		endpoints:   endpoints,
		credentials: credentials,
		timeout:     timeout,
		transport:   validatingTransport{newTransport(endpoints)},
		clients:     clients,
	}, nil
}

// Endpoint returns where the calls of a product in a region go.
func (a *API) Endpoint(product Product, region string) Endpoint {
	return a.endpoints.For(product, region)
}

// Account identifies the account of the API's own credentials, whose quota the calls
// count against. It stays the same while keys rotate.
func (a *API) Account() string { return a.credentials.Account() }

// DescribeTaskStatus makes one call and never retries (API pages 214/33823 of clb and
// 1782/111700 of gwlb). Its error is an *Error, unless ctx itself ended: then it wraps ctx's error, which
// says nothing about the API.
func (a *API) DescribeTaskStatus(ctx context.Context, q TaskQuery) (TaskStatus, error) {
	info := new(responseInfo)
	callCtx, cancel := context.WithTimeout(context.WithValue(ctx, responseInfoKey{}, info), a.timeout)
	defer cancel()
	source := q.Credentials
	if source == nil {
		source = a.credentials
	}
	credential, err := source.Credential(callCtx)
	if ctx.Err() != nil {
		return TaskStatus{}, ended(ctx)
	}
	if err != nil {
		return TaskStatus{}, withoutCredential(err, source)
	}
	endpoint, request := a.endpoints.For(q.Product, q.Region), q.request()
	var response *sdk.DescribeTaskStatusResponse
	err = guarded(func() (err error) {
		response, err = a.client(endpoint, credential).DescribeTaskStatusWithContext(callCtx, request)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return TaskStatus{}, ended(ctx)
	case err == nil:
		return interpret(response, credential)
	case callCtx.Err() != nil:
		return TaskStatus{}, ownError("ClientError.Timeout", fmt.Sprintf("no whole answer within %v", a.timeout), callCtx.Err())
	default:
		failed := translate(err, endpoint, credential.redact, info)
		failed.Account, failed.Source = source.Account(), sourceName(source)
		if rejecter, ok := source.(Rejecter); ok && failed.Problem == ProblemCredentialsRejected {
			rejecter.Rejected(credential)
		}
		return TaskStatus{}, failed
	}
}

// withoutCredential is the error of a poll that the CredentialSource failed with err.
func withoutCredential(err error, source CredentialSource) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		failed := *refused // Polls share it.
		failed.Source = sourceName(source)
		return &failed
	}
	return ownError("ClientError.CredentialsMissing", truncate(err.Error(), maxMessageBytes), err)
}

func sourceName(source CredentialSource) string {
	if named, ok := source.(fmt.Stringer); ok {
		return named.String()
	}
	return ""
}

// ended is the error of a call whose caller ended it.
func ended(ctx context.Context) error { return fmt.Errorf("DescribeTaskStatus: %w", ctx.Err()) }

// client returns the SDK client of an endpoint and credential.
func (a *API) client(endpoint Endpoint, credential Credential) *sdk.Client {
	key := clientKey{endpoint.Scheme, endpoint.Host, credential.fingerprint()}
	if client, ok := a.clients.Get(key); ok {
		return client
	}
	// As sdk.NewClient does, without its error, which is always nil.
	client := new(sdk.Client)
	configure(client.Init("").WithCredential(sdkCredential(credential)), endpoint, a.transport)
	// Two callers may make a client each; either will do.
	a.clients.Add(key, client)
	return client
}

// configure sets what all SDK clients have in common.
func configure(client *common.Client, endpoint Endpoint, transport http.RoundTripper) {
	settings := profile.NewClientProfile()
	settings.Language = "en-US"
	settings.DisableRegionBreaker = true
	settings.NetworkFailureMaxRetries = 0
	settings.RateLimitExceededMaxRetries = 0
	settings.HttpProfile.Scheme = endpoint.Scheme
	settings.HttpProfile.Endpoint = endpoint.Host
	settings.HttpProfile.ReqMethod = http.MethodPost
	settings.HttpProfile.ReqTimeout = 0 // Whole seconds only; the context does it.
	client.WithProfile(settings).WithHttpTransport(transport).WithRequestClient("clbtask-operator")
}

func sdkCredential(c Credential) common.CredentialIface {
	p := c.parts()
	return common.NewTokenCredential(p.secretID, p.secretKey, p.token)
}

// guarded makes a call of the SDK, with its panics as errors: a body of just "null"
// makes it dereference nil.
func guarded(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = unexpected("the SDK cannot read the answer")
		}
	}()
	return call()
}
