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

var pair = NewCredential(testID, testKey, "")

// against makes an API that speaks to a simulator over HTTP.
func against(t *testing.T, config clbsim.Config) (*API, *clbsim.Simulator) {
	t.Helper()
	config.Credentials = append(config.Credentials, clbsim.Credential{SecretID: testID, SecretKey: testKey})
	sim := clbsim.New(config)
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return speaking(t, server.URL, 5*time.Second), sim
}

func speaking(t *testing.T, url string, timeout time.Duration) *API {
	t.Helper()
	endpoints, err := NewEndpoints("", url)
	if err != nil {
		t.Fatal(err)
	}
	api, err := NewAPI(endpoints, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func ask(api *API) (Answer, *Error) {
	answer, err := api.DescribeTaskStatus(context.Background(), Question{Region: "ap-guangzhou", TaskID: "t", Credential: pair})
	var failed *Error
	errors.As(err, &failed)
	return answer, failed
}

func TestAnswers(t *testing.T) {
	for sentence, test := range map[string]struct {
		task clbsim.Task
		want Answer
	}{
		"a task that succeeded": {clbsim.Task{ID: "t"}, Answer{State: Succeeded}},
		"a creation that succeeded names its load balancers": {
			clbsim.Task{ID: "t", LoadBalancerIDs: []string{"lb-1", "lb-2"}}, Answer{State: Succeeded, LoadBalancerIDs: []string{"lb-1", "lb-2"}},
		},
		"a task that failed says why": {
			clbsim.Task{ID: "t", Outcome: clbsim.Failed, Message: " no quota\n"}, Answer{State: Failed, Message: "no quota"},
		},
		"a task in progress":                   {clbsim.Task{ID: "t", Outcome: clbsim.Stuck}, Answer{State: InProgress}},
		"a text that shows the key hides it":   {clbsim.Task{ID: "t", Outcome: clbsim.Failed, Message: "bad " + testKey}, Answer{State: Failed, Message: "bad [redacted]"}},
		"a text that shows the ID hides it":    {clbsim.Task{ID: "t", Outcome: clbsim.Failed, Message: testID + " bad"}, Answer{State: Failed, Message: "[redacted] bad"}},
		"the region is the one that was asked": {clbsim.Task{ID: "t", Region: "ap-guangzhou"}, Answer{State: Succeeded}},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{})
			sim.AddTask(test.task)
			got, err := ask(api)
			if err != nil {
				t.Fatal(err)
			}
			call := sim.CallsFor("t")[0]
			test.want.RequestID = call.RequestID
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if call.Language != "en-US" || call.Region != "ap-guangzhou" {
				t.Errorf("asked in %s, in region %s", call.Language, call.Region)
			}
		})
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for sentence, test := range map[string]struct {
		fault   clbsim.Fault
		class   Class
		problem Problem
		message string
	}{
		"a null status":                         {clbsim.Fault{Kind: clbsim.NullStatus}, Soon, ProblemUnexpectedAnswer, "no status"},
		"an unknown status":                     {clbsim.Fault{Kind: clbsim.UnknownStatus, Value: 3}, Soon, ProblemUnexpectedAnswer, "undocumented status 3"},
		"a negative status":                     {clbsim.Fault{Kind: clbsim.UnknownStatus, Value: -1}, Soon, ProblemUnexpectedAnswer, "undocumented status -1"},
		"an empty object":                       {clbsim.Fault{Kind: clbsim.EmptyObject}, Soon, ProblemUnexpectedAnswer, "no status"},
		"a body of null, on which the SDK dies": {clbsim.Fault{Kind: clbsim.NullBody}, Soon, ProblemUnexpectedAnswer, "cannot read"},
		"a body that is no JSON":                {clbsim.Fault{Kind: clbsim.BrokenBody}, Soon, ProblemAPIUnreachable, "body is broken"},
		"a body cut short":                      {clbsim.Fault{Kind: clbsim.ShortBody}, Soon, ProblemAPIUnreachable, "body is broken"},
		"a body cut short of its length":        {clbsim.Fault{Kind: clbsim.ShortBody, ClaimWhole: true}, Soon, ProblemAPIUnreachable, "body is broken"},
		"a huge body":                           {clbsim.Fault{Kind: clbsim.HugeBody, MiB: 2}, Soon, ProblemAPIUnreachable, "larger than"},
		"a stream of events":                    {clbsim.Fault{Kind: clbsim.WrongContentType}, Soon, ProblemAPIUnreachable, "not JSON"},
		"a bad gateway":                         {clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 502}, Soon, ProblemAPIUnreachable, "HTTP status 502"},
		"too many requests by a gateway":        {clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 429}, Soon, ProblemAPIUnreachable, "HTTP status 429"},
		"a redirect to another host":            {clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 307, Location: "https://evil.example/"}, Soon, ProblemAPIUnreachable, "redirects are refused"},
		"a connection reset":                    {clbsim.Fault{Kind: clbsim.Reset}, Soon, ProblemAPIUnreachable, "reset"},
		"an error of the API's":                 {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "InternalError", Message: "oops"}, Soon, ProblemAPIUnavailable, "oops"},
		"an error code of any length":           {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure." + strings.Repeat("x", 40_000), Message: "oops"}, Soon, ProblemUnexpectedAnswer, "40012 bytes"},
		"an error that shows the key":           {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.X", Message: "key " + testKey}, Configuration, ProblemCredentialsRejected, "key [redacted]"},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{})
			sim.AddTask(clbsim.Task{ID: "t"})
			sim.AddFault(test.fault)
			_, err := ask(api)
			if err == nil {
				t.Fatal("it was taken for an answer")
			}
			if err.Class != test.class || err.Problem != test.problem || !strings.Contains(err.Message, test.message) {
				t.Errorf("got %v", err)
			}
			for _, secret := range []string{testID, testKey} {
				if shows(err.Error(), secret) {
					t.Errorf("%v shows %q", err, secret)
				}
			}
			if n := sim.CountCalls(); n != 1 {
				t.Errorf("it took %d calls", n)
			}
		})
	}
}

func TestRefusalsOfTheAPI(t *testing.T) {
	for sentence, test := range map[string]struct {
		config clbsim.Config
		with   Credential
		want   Problem
	}{
		"a key that is not known":  {with: NewCredential("nobody", "x", ""), want: ProblemCredentialsRejected},
		"a signature that is off":  {with: NewCredential(testID, "wrong", ""), want: ProblemCredentialsRejected},
		"a clock that is off":      {config: clbsim.Config{Now: func() time.Time { return time.Now().Add(-7 * time.Minute) }}, with: pair, want: ProblemClockSkew},
		"a task that is not known": {with: pair, want: ProblemTaskNotFound},
		"a region that is not one": {config: clbsim.Config{Regions: []string{"ap-beijing"}}, with: pair, want: ProblemInvalidRegion},
		"a token that has expired": {
			config: clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "sts", SecretKey: "k", Token: "new"}}},
			with:   NewCredential("sts", "k", "old"), want: ProblemCredentialsRejected,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, _ := against(t, test.config)
			_, err := api.DescribeTaskStatus(context.Background(), Question{Region: "ap-guangzhou", TaskID: "t", Credential: test.with})
			var failed *Error
			if !errors.As(err, &failed) || failed.Problem != test.want || failed.RequestID == "" {
				t.Fatalf("got %v", err)
			}
			if test.want == ProblemClockSkew && failed.Skew.Round(time.Minute) != 7*time.Minute {
				t.Errorf("the skew is %v", failed.Skew)
			}
		})
	}
}

func TestATokenIsSentAndOverTLSTheRealHostsAreAsked(t *testing.T) {
	sim := clbsim.New(clbsim.Config{
		Credentials: []clbsim.Credential{{SecretID: "sts", SecretKey: "k", Token: "session"}},
		Hosts:       map[string][]string{"clb.tencentcloudapi.com": nil, "clb.ap-shanghai-fsi.tencentcloudapi.com": {"ap-shanghai-fsi"}},
	})
	server, err := sim.StartTLS("127.0.0.1:0", "clb.tencentcloudapi.com", "clb.ap-shanghai-fsi.tencentcloudapi.com")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	sim.AddTask(clbsim.Task{ID: "t"})
	api, err := NewAPI(Endpoints{}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	api.transport = guard{server.Transport()}
	for region, host := range map[string]string{
		"ap-guangzhou": "clb.tencentcloudapi.com", "na-ashburn": "clb.tencentcloudapi.com",
		"ap-shanghai-fsi": "clb.ap-shanghai-fsi.tencentcloudapi.com",
	} {
		if _, err := api.DescribeTaskStatus(context.Background(), Question{Region: region, TaskID: "t", Credential: NewCredential("sts", "k", "session")}); err != nil {
			t.Errorf("%s: %v", region, err)
		}
		calls := sim.Calls()
		if last := calls[len(calls)-1]; last.Host != host || last.Region != region {
			t.Errorf("%s: asked %s for %s", region, last.Host, last.Region)
		}
	}
	if n := api.clients.Len(); n != 2 {
		t.Errorf("%d clients for two hosts", n)
	}
}

func TestACertificateThatIsNotTrustedIsAMatterOfConfiguration(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, err := ask(speaking(t, server.URL, 5*time.Second))
	if err == nil || err.Class != Configuration || err.Problem != ProblemAPIUnreachable {
		t.Errorf("got %v", err)
	}
}

func TestACallEndsAfterItsTimeOut(t *testing.T) {
	api, sim := against(t, clbsim.Config{})
	api.timeout = 50 * time.Millisecond
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang})
	_, err := ask(api)
	if err == nil || err.Class != Soon || err.Problem != ProblemAPIUnreachable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestACallThatItsCallerEndsSaysNothingOfTheAPI(t *testing.T) {
	api, sim := against(t, clbsim.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang, Match: func(clbsim.Call) bool { cancel(); return true }})
	_, err := api.DescribeTaskStatus(ctx, Question{Region: "ap-guangzhou", TaskID: "t", Credential: pair})
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
	_, failed := ask(speaking(t, "http://"+listener.Addr().String(), time.Second))
	if failed == nil || failed.Problem != ProblemAPIUnreachable || !strings.Contains(failed.Message, "refused") {
		t.Errorf("got %v", failed)
	}
}

func TestATimeOutMustBeAboveZero(t *testing.T) {
	if _, err := NewAPI(Endpoints{}, 0); err == nil {
		t.Error("zero was accepted")
	}
}

func TestABodyOfJustTheBoundPassesAndOneMoreByteDoesNot(t *testing.T) {
	for size, whole := range map[int]bool{maxBodyBytes - 1: true, maxBodyBytes: true, maxBodyBytes + 1: false} {
		const frame = `{"Response":{"Status":0,"RequestId":"r","Message":""}}`
		body := strings.Replace(frame, `"Message":""`, `"Message":"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		}))
		_, err := ask(speaking(t, server.URL, 10*time.Second))
		server.Close()
		if (err == nil) != whole {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestJSONOfSomebodyElseIsNoAnswer(t *testing.T) {
	for _, body := range []string{`{"Response":{"Status":0}}`, `{"Status":0,"RequestId":"r"}`, `{"Response":null}`, `{"Response":{"Status":"0","RequestId":"r"}}`, `[]`, `0`, ``} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		}))
		if answer, err := ask(speaking(t, server.URL, 5*time.Second)); err == nil || err.Class != Soon {
			t.Errorf("%s: %+v, %v", body, answer, err)
		}
		server.Close()
	}
}
