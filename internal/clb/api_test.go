package clb

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	testID  = "simulated-id"
	testKey = "simulated-key"
)

var (
	pair  = NewCredential(testID, testKey, "")
	query = TaskQuery{Region: "ap-guangzhou", TaskID: "t"}
)

// source is a CredentialSource made from a function.
type source func(context.Context) (Credential, error)

func (s source) Credential(ctx context.Context) (Credential, error) { return s(ctx) }

func (source) Account() string { return "test" }

// fixed is the source of a credential that does not change.
func fixed(c Credential) source {
	return func(context.Context) (Credential, error) { return c, nil }
}

// against makes an API that speaks to a simulator over HTTP.
func against(t *testing.T, config clbsim.Config, credentials CredentialSource) (*API, *clbsim.Simulator) {
	t.Helper()
	config.Credentials = append(config.Credentials, clbsim.Credential{SecretID: testID, SecretKey: testKey})
	sim := clbsim.New(config)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return speaking(t, server.URL, credentials, 5*time.Second), sim
}

func speaking(t *testing.T, url string, credentials CredentialSource, timeout time.Duration) *API {
	t.Helper()
	endpoints, err := NewEndpoints(EndpointOptions{Overrides: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	api, err := NewAPI(endpoints, credentials, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// serving makes an API whose calls end at a handler.
func serving(t *testing.T, handler http.HandlerFunc) *API {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return speaking(t, server.URL, fixed(pair), 5*time.Second)
}

// transportTo connects to a TLS server of the simulator, whatever the host.
func transportTo(t *testing.T, sim *clbsim.Simulator) *http.Transport {
	t.Helper()
	server := httptest.NewTLSServer(sim)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport)
	transport.TLSClientConfig.ServerName = "example.com" // The certificate's.
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	return transport
}

// poll polls the task "t" and returns an error only if it is an *Error.
func poll(t *testing.T, api *API) (TaskStatus, *Error) {
	t.Helper()
	status, err := api.DescribeTaskStatus(t.Context(), query)
	var failed *Error
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("the error is %v, not an *Error", err)
	}
	return status, failed
}

func TestStatuses(t *testing.T) {
	for sentence, test := range map[string]struct {
		task clbsim.Task
		want TaskStatus
	}{
		"a task that succeeded": {clbsim.Task{ID: "t"}, TaskStatus{State: Succeeded}},
		"a creation that succeeded names its load balancers": {
			clbsim.Task{ID: "t", LoadBalancerIDs: []string{"lb-1", "lb-2"}}, TaskStatus{State: Succeeded, LoadBalancerIDs: []string{"lb-1", "lb-2"}},
		},
		"a task that failed says why": {
			clbsim.Task{ID: "t", Result: clbsim.Failed, Message: " no quota\n"}, TaskStatus{State: Failed, Message: "no quota"},
		},
		"a task in progress":                  {clbsim.Task{ID: "t", Result: clbsim.Stuck}, TaskStatus{State: InProgress}},
		"a text that shows the key hides it":  {clbsim.Task{ID: "t", Result: clbsim.Failed, Message: "bad " + testKey}, TaskStatus{State: Failed, Message: "bad [redacted]"}},
		"a text that shows the ID hides it":   {clbsim.Task{ID: "t", Result: clbsim.Failed, Message: testID + " bad"}, TaskStatus{State: Failed, Message: "[redacted] bad"}},
		"a text of any length is truncated":   {clbsim.Task{ID: "t", Result: clbsim.Failed, Message: "x" + strings.Repeat("错", 10_000)}, TaskStatus{State: Failed, Message: "x" + strings.Repeat("错", 5461)}},
		"the region is that of the TaskQuery": {clbsim.Task{ID: "t", Region: "ap-guangzhou"}, TaskStatus{State: Succeeded}},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{}, fixed(pair))
			sim.AddTask(test.task)
			got, err := poll(t, api)
			if err != nil {
				t.Fatal(err)
			}
			call := sim.CallsFor("t")[0]
			test.want.RequestID = call.RequestID
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if call.Language != "en-US" || call.Region != "ap-guangzhou" {
				t.Errorf("the call was made in %s, in region %s", call.Language, call.Region)
			}
		})
	}
}

func TestATokenIsSentAndOverTLSTheRealHostsArePolled(t *testing.T) {
	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "sts", SecretKey: "k", Token: "session"}}})
	sim.AddTask(clbsim.Task{ID: "t"})
	api, err := NewAPI(Endpoints{}, fixed(NewCredential("sts", "k", "session")), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	api.transport = validatingTransport{transportTo(t, sim)}
	for region, host := range map[string]string{
		"ap-guangzhou": "clb.tencentcloudapi.com", "na-ashburn": "clb.tencentcloudapi.com",
		"ap-shanghai-fsi": "clb.ap-shanghai-fsi.tencentcloudapi.com",
	} {
		if _, err := api.DescribeTaskStatus(t.Context(), TaskQuery{Region: region, TaskID: "t"}); err != nil {
			t.Errorf("%s: %v", region, err)
		}
		calls := sim.Calls()
		if last := calls[len(calls)-1]; last.Host != host || last.Region != region {
			t.Errorf("%s: the call went to %s for %s", region, last.Host, last.Region)
		}
	}
	if n := api.clients.Len(); n != 2 {
		t.Errorf("%d clients for two hosts", n)
	}
}

func TestACallEndsAfterItsTimeOut(t *testing.T) {
	api, sim := against(t, clbsim.Config{}, fixed(pair))
	api.timeout = 50 * time.Millisecond
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang})
	_, err := poll(t, api)
	if err == nil || err.Problem != ProblemAPIUnreachable || err.Code != "ClientError.Timeout" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestACallThatItsCallerEndsSaysNothingAboutTheAPI(t *testing.T) {
	api, sim := against(t, clbsim.Config{}, fixed(pair))
	ctx, cancel := context.WithCancel(t.Context())
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang, Match: func(clbsim.Call) bool { cancel(); return true }})
	_, err := api.DescribeTaskStatus(ctx, query)
	var failed *Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatDoesNotListenIsUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	_, failed := poll(t, speaking(t, "http://"+listener.Addr().String(), fixed(pair), time.Second))
	if failed == nil || failed.Problem != ProblemAPIUnreachable || !strings.Contains(failed.Message, "refused") {
		t.Errorf("got %v", failed)
	}
}

func TestATimeOutMustBeAboveZero(t *testing.T) {
	if _, err := NewAPI(Endpoints{}, fixed(pair), 0); err == nil {
		t.Error("zero was accepted")
	}
}

func TestAWrongCredentialSaysNothingAboutTheTask(t *testing.T) {
	sourceFailed := errors.New("the metadata service is away")
	for sentence, test := range map[string]struct {
		source CredentialSource
		cause  error
		text   string
	}{
		"an empty environment": {
			EnvCredentials{Getenv: func(string) string { return "" }}, ErrNoCredentials,
			"set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
		},
		"any other error of the source": {
			source(func(context.Context) (Credential, error) { return Credential{}, sourceFailed }), sourceFailed,
			"metadata service is away",
		},
		"a source that does not return in time": {
			source(func(ctx context.Context) (Credential, error) { <-ctx.Done(); return Credential{}, ctx.Err() }), context.DeadlineExceeded,
			"deadline exceeded",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{}, test.source)
			api.timeout = 100 * time.Millisecond
			_, err := poll(t, api)
			if err == nil || err.Problem != ProblemCredentialsMissing || err.Code != "ClientError.CredentialsMissing" ||
				!errors.Is(err, test.cause) || !strings.Contains(err.Message, test.text) {
				t.Errorf("got %v", err)
			}
			if n := sim.CountCalls(); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

func TestACallerThatEndsWhileTheCredentialIsFetchedGetsItsOwnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api, _ := against(t, clbsim.Config{}, source(func(context.Context) (Credential, error) {
		cancel()
		return Credential{}, ErrNoCredentials
	}))
	_, err := api.DescribeTaskStatus(ctx, query)
	var failed *Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
}

func TestARotatedKeySignsTheNextCall(t *testing.T) {
	keys := []Credential{NewCredential(testID, "old", ""), pair}
	api, sim := against(t, clbsim.Config{}, source(func(context.Context) (Credential, error) {
		next := keys[0]
		keys = keys[1:]
		return next, nil
	}))
	sim.AddTask(clbsim.Task{ID: "t"})
	if _, err := poll(t, api); err == nil || err.Problem != ProblemCredentialsRejected {
		t.Errorf("the old key: %v", err)
	}
	if _, err := poll(t, api); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if account := api.Account(); account != "test" {
		t.Errorf("the account is %q", account)
	}
}
