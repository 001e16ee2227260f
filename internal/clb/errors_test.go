package clb

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// responding is a fault that responds with a body, and with headers given as
// names and values.
func responding(body string, headers ...string) clbsim.Fault {
	f := clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: body, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		f.Header.Set(headers[i], headers[i+1])
	}
	return f
}

func TestWhatIsNoAnswer(t *testing.T) {
	for sentence, test := range map[string]struct {
		fault   clbsim.Fault
		problem Problem
		code    string
		message string
	}{
		"a null status":                         {responding(`{"Response":{"Status":null,"RequestId":"r"}}`), ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "no status"},
		"an unknown status":                     {responding(`{"Response":{"Status":3,"RequestId":"r"}}`), ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "undocumented status 3"},
		"a negative status":                     {responding(`{"Response":{"Status":-1,"RequestId":"r"}}`), ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "undocumented status -1"},
		"an empty object":                       {responding(`{}`), ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "no status"},
		"a body of null, on which the SDK dies": {responding(`null`), ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "cannot read"},
		"a body that is no JSON":                {responding(`{"Response":{"Status":0,"RequestId":r`), ProblemAPIUnreachable, "ClientError.ParseJsonError", "body is broken"},
		"a truncated body":                      {responding(`{"Response":{"Status":0,"Loa`), ProblemAPIUnreachable, "ClientError.ParseJsonError", "body is broken"},
		"a body truncated before its length":    {responding(`{"Response":{"Status":0,"Loa`, "Content-Length", "100"), ProblemAPIUnreachable, "ClientError.ParseJsonError", "body is broken"},
		"a huge body":                           {responding(`{"Response":{"Status":0,"Padding":"` + strings.Repeat("x", 2<<20) + `"}}`), ProblemAPIUnreachable, "ClientError.ParseJsonError", "larger than"},
		"a stream of events":                    {responding(`{"Response":{"Status":0}}`, "Content-Type", "text/event-stream"), ProblemAPIUnreachable, "ClientError.HTTP", "not JSON"},
		"a bad gateway":                         {clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: 502}, ProblemAPIUnreachable, "ClientError.HTTP", "HTTP status 502"},
		"a redirect to another host":            {clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: 307, Header: http.Header{"Location": {"https://evil.example/"}}}, ProblemAPIUnreachable, "ClientError.HTTP", "redirects are refused"},
		"a connection reset":                    {clbsim.Fault{Kind: clbsim.Reset}, ProblemAPIUnreachable, "ClientError.NetworkError", "reset"},
		"an error of the API's":                 {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "InternalError", Message: "oops"}, ProblemAPIUnavailable, "InternalError", "oops"},
		"an error code of any length":           {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure." + strings.Repeat("x", 40_000), Message: "oops"}, ProblemUnexpectedAnswer, "ClientError.UnexpectedAnswer", "40012 bytes"},
		"an error text of any length":           {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "InternalError", Message: strings.Repeat("x", 1_000_000)}, ProblemAPIUnavailable, "InternalError", "xxx"},
		"an error that repeats the signature":   {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.X", Message: "Signature=" + strings.Repeat("0123abcd", 8)}, ProblemCredentialsRejected, "AuthFailure.X", "Signature=[redacted]"},
		"an error that shows the key":           {clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.X", Message: "key " + testKey}, ProblemCredentialsRejected, "AuthFailure.X", "key [redacted]"},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, clbsim.Config{}, fixed(pair))
			sim.AddTask(clbsim.Task{ID: "t"})
			sim.AddFault(test.fault)
			_, err := poll(t, api)
			if err == nil {
				t.Fatal("it was taken for an answer")
			}
			if err.Problem != test.problem || err.Code != test.code || !strings.Contains(err.Message, test.message) || len(err.Message) > maxMessageBytes {
				t.Errorf("got %.1000v", err)
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
		code   string // Of a fault.
		with   Credential
		want   Problem
	}{
		"a key that is not known":      {with: NewCredential("nobody", "x", ""), want: ProblemCredentialsRejected},
		"a signature that is off":      {with: NewCredential(testID, "wrong", ""), want: ProblemCredentialsRejected},
		"a clock that is off":          {config: clbsim.Config{Now: func() time.Time { return time.Now().Add(-7 * time.Minute) }}, with: pair, want: ProblemClockSkew},
		"a task that is not known":     {with: pair, want: ProblemTaskNotFound},
		"a load balancer that is gone": {code: "InvalidParameter.LBIdNotFound", with: pair, want: ProblemLoadBalancerNotFound},
		"a call that failed":           {code: "FailedOperation", with: pair, want: ProblemQueryRefused},
		"a token that has expired": {
			config: clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "sts", SecretKey: "k", Token: "new"}}},
			with:   NewCredential("sts", "k", "old"), want: ProblemCredentialsRejected,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			api, sim := against(t, test.config, fixed(test.with))
			if test.code != "" {
				sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: test.code})
			}
			_, err := poll(t, api)
			if err == nil || err.Problem != test.want || err.RequestID == "" {
				t.Fatalf("got %v", err)
			}
			if test.want == ProblemClockSkew && err.Skew.Round(time.Minute) != 7*time.Minute {
				t.Errorf("the skew is %v", err.Skew)
			}
		})
	}
}

// TestARegionThatAHostDoesNotServe: only on Tencent Cloud's own hosts is the
// region of the task at fault.
func TestARegionThatAHostDoesNotServe(t *testing.T) {
	const china, intl = "clb.tencentcloudapi.com", "clb.intl.tencentcloudapi.com"
	for sentence, test := range map[string]struct {
		options EndpointOptions
		region  string
		want    Problem
	}{
		"the default host":                      {EndpointOptions{}, "ap-atlantis", ProblemInvalidRegion},
		"the default root domain, spelt out":    {EndpointOptions{RootDomain: DefaultRootDomain}, "ap-atlantis", ProblemInvalidRegion},
		"an invented finance region":            {EndpointOptions{}, "ap-atlantis-fsi", ProblemInvalidRegion},
		"another root domain":                   {EndpointOptions{RootDomain: "intl." + DefaultRootDomain}, "ap-atlantis", ProblemEndpointRefused},
		"an endpoint of all regions":            {EndpointOptions{Overrides: []string{"https://" + china}}, "ap-atlantis", ProblemEndpointRefused},
		"an endpoint of the region":             {EndpointOptions{Overrides: []string{"ap-atlantis=https://" + intl}}, "ap-atlantis", ProblemEndpointRefused},
		"an endpoint of another region":         {EndpointOptions{Overrides: []string{"ap-beijing=https://" + intl}}, "ap-atlantis", ProblemInvalidRegion},
		"a finance region that a flag leaves":   {EndpointOptions{FinanceRegions: []string{"ap-beijing-fsi"}}, "ap-shanghai-fsi", ProblemEndpointRefused},
		"a finance region beside a flag's list": {EndpointOptions{FinanceRegions: []string{"ap-shanghai-fsi"}}, "ap-atlantis-fsi", ProblemInvalidRegion},
	} {
		t.Run(sentence, func(t *testing.T) {
			endpoints, err := NewEndpoints(test.options)
			if err != nil {
				t.Fatal(err)
			}
			sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: testID, SecretKey: testKey}}})
			api, err := NewAPI(endpoints, fixed(pair), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			api.transport = validatingTransport{transportTo(t, sim)}
			for _, code := range []string{"UnsupportedRegion", "InvalidParameter.RegionNotFound"} {
				sim.ClearFaults()
				sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: code})
				_, err = api.DescribeTaskStatus(t.Context(), TaskQuery{Region: test.region, TaskID: "t"})
				var failed *Error
				if !errors.As(err, &failed) || failed.Problem != test.want || failed.Code != code {
					t.Errorf("%s: got %v, want %s", code, err, test.want)
				}
			}
		})
	}
}

func TestACertificateThatIsNotTrustedIsAProblemOfItsOwn(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	_, err := poll(t, speaking(t, server.URL, fixed(pair), 5*time.Second))
	if err == nil || err.Problem != ProblemCertificateUntrusted || err.Code != "ClientError.Certificate" || !strings.Contains(err.Message, "unknown authority") {
		t.Errorf("got %v", err)
	}
}

func TestJSONOfAnotherServerIsNoAnswer(t *testing.T) {
	for _, body := range []string{
		`{"Response":{"Status":0}}`, `{"Status":0,"RequestId":"r"}`, `{"Response":null}`, `{"Response":{"Status":"0","RequestId":"r"}}`,
		`{"Response":{"Status":0,"RequestId":"` + strings.Repeat("r", 1000) + `"}}`, `[]`, `0`, ``,
	} {
		api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		})
		status, err := poll(t, api)
		if err == nil || err.Problem != ProblemAPIUnreachable && err.Problem != ProblemUnexpectedAnswer {
			t.Errorf("%s: %+v, %v", body, status, err)
		}
	}
}

func TestTheRequestIDOfAnErrorIsBounded(t *testing.T) {
	api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"` + strings.Repeat("r", 1000) + `"}}`))
	})
	if _, err := poll(t, api); err == nil || err.Problem != ProblemAPIUnavailable || len(err.RequestID) > maxCodeBytes {
		t.Errorf("got %v with the request ID %s", err, err.RequestID)
	}
}
