package clbsim

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// refusals are requests that differ from a good one in one way each.
var refusals = map[string]struct {
	config   Config
	body     string              // Default: a task that exists.
	edit     func(*http.Request) // Before the signature.
	tamper   func(*http.Request) // After the signature.
	signedAt time.Duration       // Relative to the server's time.
	code     string
}{
	"a good request is answered":                     {},
	"a clock 300 s late is tolerated":                {signedAt: -300 * time.Second},
	"a clock 300 s early is tolerated":               {signedAt: 300 * time.Second},
	"a charset in the content type is tolerated":     {edit: header("Content-Type", "application/json; charset=utf-8")},
	"an unsigned payload is tolerated if signed so":  {edit: header("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD")},
	"a clock 301 s late is refused":                  {signedAt: -301 * time.Second, code: "AuthFailure.SignatureExpire"},
	"a clock 301 s early is refused":                 {signedAt: 301 * time.Second, code: "AuthFailure.SignatureExpire"},
	"a timestamp that is no number is refused":       {edit: header("X-TC-Timestamp", "now"), code: "InvalidParameterValue"},
	"a missing timestamp is refused":                 {edit: header("X-TC-Timestamp", ""), code: "MissingParameter"},
	"a missing action is refused":                    {edit: header("X-TC-Action", ""), code: "MissingParameter"},
	"a missing version is refused":                   {edit: header("X-TC-Version", ""), code: "MissingParameter"},
	"a missing region is refused":                    {edit: header("X-TC-Region", ""), code: "MissingParameter"},
	"a region that is no name is refused":            {edit: header("X-TC-Region", "Guangzhou!"), code: "InvalidParameterValue"},
	"another action is refused":                      {edit: header("X-TC-Action", "CreateLoadBalancer"), code: "InvalidAction"},
	"another version is refused":                     {edit: header("X-TC-Version", "2024-09-06"), code: "NoSuchVersion"},
	"a form is refused":                              {edit: header("Content-Type", "application/x-www-form-urlencoded"), code: "UnsupportedProtocol"},
	"GET is refused":                                 {edit: func(r *http.Request) { r.Method = http.MethodGet }, code: "UnsupportedProtocol"},
	"another path is refused":                        {edit: func(r *http.Request) { r.URL.Path = "/v2" }, code: "InvalidRequest"},
	"a missing Authorization is refused":             {tamper: header("Authorization", ""), code: "AuthFailure.InvalidAuthorization"},
	"the SDK's SkipSign is refused":                  {tamper: header("Authorization", "SKIP"), code: "AuthFailure.InvalidAuthorization"},
	"a changed host is refused":                      {tamper: func(r *http.Request) { r.Host = "clb.example.com" }, code: "AuthFailure.SignatureFailure"},
	"a changed content type is refused":              {tamper: header("Content-Type", "application/json; charset=utf-8"), code: "AuthFailure.SignatureFailure"},
	"a changed timestamp is refused":                 {tamper: header("X-TC-Timestamp", "1773835201"), code: "AuthFailure.SignatureFailure"},
	"a payload that is unsigned later is refused":    {tamper: header("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD"), code: "AuthFailure.SignatureFailure"},
	"a changed date is refused":                      {tamper: replace("2026-03-18", "2026-03-17"), code: "AuthFailure.SignatureFailure"},
	"another service is refused":                     {tamper: replace("/clb/", "/gwlb/"), code: "AuthFailure.SignatureFailure"},
	"an unknown secret ID is refused":                {tamper: replace("AKIDtest", "AKIDother"), code: "AuthFailure.SecretIdNotFound"},
	"a token that nobody issued is refused":          {edit: header("X-TC-Token", "token"), code: "AuthFailure.TokenFailure"},
	"no JSON is refused":                             {body: `{"TaskId":`, code: "InvalidParameter.FormatError"},
	"an empty body is refused":                       {body: ` `, code: "InvalidParameter.FormatError"},
	"JSON that is no object is refused":              {body: `null`, code: "InvalidParameter.FormatError"},
	"neither TaskId nor DealName is refused":         {body: `{}`, code: "MissingParameter"},
	"an empty TaskId is refused":                     {body: `{"TaskId":""}`, code: "MissingParameter"},
	"a TaskId of null is refused":                    {body: `{"TaskId":null}`, code: "MissingParameter"},
	"a TaskId that is no string is refused":          {body: `{"TaskId":1}`, code: "InvalidParameterValue"},
	"a DealName that is no string is refused":        {body: `{"TaskId":"t","DealName":[]}`, code: "InvalidParameterValue"},
	"an unknown parameter is refused":                {body: `{"TaskId":"t","Task":"t"}`, code: "UnknownParameter"},
	"a parameter in the wrong case is refused":       {body: `{"taskid":"t"}`, code: "UnknownParameter"},
	"an unknown task is refused":                     {body: `{"TaskId":"other"}`, code: "InvalidParameter"},
	"an unknown deal is refused":                     {body: `{"DealName":"other"}`, code: "InvalidParameter"},
	"a body beyond 10 MB is refused":                 {body: strings.Repeat(" ", maxBody+1), code: "RequestSizeLimitExceeded"},
	"a region beside the allow list is refused":      {config: Config{Regions: []string{"ap-beijing"}}, code: "UnsupportedRegion"},
	"a region on the allow list is answered":         {config: Config{Regions: []string{"ap-beijing", "ap-guangzhou"}}},
	"a host that is not configured is refused":       {config: Config{Hosts: map[string][]string{"clb.ap-shanghai-fsi.tencentcloudapi.com": nil}}, code: "NoSuchProduct"},
	"a host without regions answers for all":         {config: Config{Hosts: map[string][]string{"clb.tencentcloudapi.com": nil}}},
	"a host does not answer for finance regions":     {config: Config{Hosts: map[string][]string{"clb.tencentcloudapi.com": nil}}, edit: header("X-TC-Region", "ap-shanghai-fsi"), code: "UnsupportedRegion"},
	"a host does not answer for regions of others":   {config: Config{Hosts: map[string][]string{"clb.tencentcloudapi.com": {"ap-beijing"}}}, code: "UnsupportedRegion"},
	"a finance region is answered on a host for it":  {config: Config{Hosts: map[string][]string{"clb.tencentcloudapi.com": {"ap-shanghai-fsi"}}}, edit: header("X-TC-Region", "ap-shanghai-fsi")},
	"the error for unknown tasks can be chosen":      {config: Config{UnknownTask: APIError{Code: "ResourceNotFound"}}, body: `{"TaskId":"x"}`, code: "ResourceNotFound"},
	"a port is no part of the host that is asked":    {config: Config{Hosts: map[string][]string{"clb.tencentcloudapi.com": nil}}, edit: func(r *http.Request) { r.Host = "CLB.tencentcloudapi.com:8443" }},
	"a forged signature is refused before the quota": {config: Config{RequestsPerSecond: 1}, tamper: replace("Signature=", "Signature=0"), code: "AuthFailure.InvalidAuthorization"},
}

func replace(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for sentence, test := range refusals {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(test.config)
			s.AddTask(Task{ID: "t"})
			body := test.body
			if body == "" {
				body = `{"TaskId":"t"}`
			}
			r := signedRequest(at.now().Add(test.signedAt), body, test.edit)
			if test.tamper != nil {
				test.tamper(r)
			}

			answer, w := serve(t, s, r)
			if answer.code() != test.code {
				t.Errorf("answered %+v, want the code %q", answer.Response.Error, test.code)
			}
			if test.code != "" && answer.Response.Error.Message == "" {
				t.Error("the refusal has no message")
			}
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answered HTTP %d, %s", w.Code, w.Header().Get("Content-Type"))
			}
			if got := w.Header().Get("Date"); got != "Wed, 18 Mar 2026 12:00:00 GMT" {
				t.Errorf("the Date header is %q", got)
			}
			if !uuidV4.MatchString(answer.Response.RequestID) {
				t.Errorf("the request ID %q is no UUID v4", answer.Response.RequestID)
			}
			if calls := s.Calls(); len(calls) != 1 || calls[0].Code != test.code || calls[0].RequestID != answer.Response.RequestID {
				t.Errorf("the log says %+v", calls)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		expires time.Time
		token   string
		code    string
	}{
		"the right token is accepted":  {token: "token"},
		"a token to come is accepted":  {token: "token", expires: testTime.Add(time.Second)},
		"a missing token is refused":   {code: "AuthFailure.TokenFailure"},
		"a wrong token is refused":     {token: "nekot", code: "AuthFailure.TokenFailure"},
		"an expired token is refused":  {token: "token", expires: testTime, code: "AuthFailure.TokenFailure"},
		"both wrong and old, the same": {token: "nekot", expires: testTime, code: "AuthFailure.TokenFailure"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(Config{})
			s.AddTask(Task{ID: "t"})
			temporary := testCredential
			temporary.Token, temporary.TokenExpires = "token", test.expires
			s.SetCredential(temporary)

			answer, _ := serve(t, s, signedRequest(at.now(), `{"TaskId":"t"}`, header("X-TC-Token", test.token)))
			if answer.code() != test.code {
				t.Errorf("answered %q, want %q", answer.code(), test.code)
			}
		})
	}
}

func TestCredentialsComeAndGo(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{})
	s.AddTask(Task{ID: "t"})
	s.RemoveCredential(testCredential.SecretID)
	if got := ask(t, s, "t").code(); got != "AuthFailure.SecretIdNotFound" {
		t.Errorf("without credential: %q", got)
	}
	s.SetCredential(testCredential)
	if got := ask(t, s, "t").code(); got != "" {
		t.Errorf("with credential: %q", got)
	}
}

func TestHalfARequestNeverArrives(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	r := signedRequest(at.now(), `{}`, nil)
	r.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("the handler ended with %v, want http.ErrAbortHandler", err)
		}
		if n := s.CountCalls(); n != 0 {
			t.Errorf("%d calls are logged", n)
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), r)
}
