package clbsim

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func replace(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}

func at(host, region string) func(*http.Request) {
	return func(r *http.Request) {
		r.Host = host
		r.Header.Set("X-TC-Region", region)
	}
}

// TestRefusals varies a good request in one way each.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		body     string              // Default: a task that exists.
		edit     func(*http.Request) // Before the signature.
		tamper   func(*http.Request) // After the signature.
		signedAt time.Duration       // Relative to the server's time.
		code     string
	}{
		"a good request is answered":               {},
		"a clock 300 s late is tolerated":          {signedAt: -300 * time.Second},
		"a clock 300 s early is tolerated":         {signedAt: 300 * time.Second},
		"a charset in the content type is allowed": {edit: header("Content-Type", "application/json; charset=utf-8")},
		"an unknown host has all regions":          {edit: at("127.0.0.1:80", "ap-shanghai-fsi")},
		"a finance host has its region":            {edit: at("clb.ap-shanghai-fsi.tencentcloudapi.com", "ap-shanghai-fsi")},
		"a finance host has no other region":       {edit: at("clb.ap-shanghai-fsi.tencentcloudapi.com", "ap-guangzhou"), code: "UnsupportedRegion"},
		"a finance region is on no other host":     {edit: at("clb.tencentcloudapi.com", "ap-shanghai-fsi"), code: "UnsupportedRegion"},
		"a region is required":                     {edit: header("X-TC-Region", ""), code: "MissingParameter"},
		"a clock 301 s late is refused":            {signedAt: -301 * time.Second, code: "AuthFailure.SignatureExpire"},
		"a clock 301 s early is refused":           {signedAt: 301 * time.Second, code: "AuthFailure.SignatureExpire"},
		"a timestamp is required":                  {edit: header("X-TC-Timestamp", ""), code: "AuthFailure.SignatureExpire"},
		"another action is refused":                {edit: header("X-TC-Action", "CreateLoadBalancer"), code: "InvalidAction"},
		"another version is refused":               {edit: header("X-TC-Version", "2024-09-07"), code: "InvalidAction"},
		"a version of gwlb is not one of clb":      {edit: header("X-TC-Version", "2024-09-06"), tamper: replace("/gwlb/", "/clb/"), code: "AuthFailure.SignatureFailure"},
		"a form is refused":                        {edit: header("Content-Type", "application/x-www-form-urlencoded"), code: "UnsupportedProtocol"},
		"GET is refused":                           {edit: func(r *http.Request) { r.Method = http.MethodGet }, code: "UnsupportedProtocol"},
		"another path is refused":                  {edit: func(r *http.Request) { r.URL.Path = "/v2" }, code: "UnsupportedProtocol"},
		"a signature is required":                  {tamper: header("Authorization", "SKIP"), code: "AuthFailure.InvalidAuthorization"},
		"the host must be signed":                  {tamper: replace(";host", ""), code: "AuthFailure.InvalidAuthorization"},
		"the content type must be signed":          {tamper: replace("content-type;", ""), code: "AuthFailure.InvalidAuthorization"},
		"another algorithm is refused":             {tamper: replace("TC3", "TC4"), code: "AuthFailure.InvalidAuthorization"},
		"a signature has 64 digits":                {tamper: replace("Signature=", "Signature=0"), code: "AuthFailure.InvalidAuthorization"},
		"a host changed later is refused":          {tamper: func(r *http.Request) { r.Host = "clb.example.com" }, code: "AuthFailure.SignatureFailure"},
		"a header changed later is refused":        {tamper: header("Content-Type", "application/json; charset=utf-8"), code: "AuthFailure.SignatureFailure"},
		"a time changed later is refused":          {tamper: header("X-TC-Timestamp", "1773878281"), code: "AuthFailure.SignatureFailure"},
		"a date changed later is refused":          {tamper: replace("2026-03-18", "2026-03-17"), code: "AuthFailure.SignatureFailure"},
		"a time of another date is refused":        {edit: header("X-TC-Timestamp", "1773878430"), code: "AuthFailure.SignatureFailure"},
		"a service changed later is refused":       {tamper: replace("/clb/", "/gwlb/"), code: "AuthFailure.SignatureFailure"},
		"a token that nobody issued is refused":    {edit: header("X-TC-Token", "token"), code: "AuthFailure.TokenFailure"},
		"JSON is required":                         {body: `{"TaskId":`, code: "InvalidParameter.FormatError"},
		"a JSON object is required":                {body: `null`, code: "InvalidParameter.FormatError"},
		"a TaskId is required":                     {body: `{"taskid":"t"}`, code: "MissingParameter"},
		"a TaskId must exist":                      {body: `{"TaskId":"other"}`, code: "InvalidParameter"},
		"a DealName does instead":                  {body: `{"DealName":"d"}`},
		"a DealName must exist":                    {body: `{"DealName":"t"}`, code: "InvalidParameter"},
		"a DealName is no TaskId":                  {body: `{"TaskId":"d"}`, code: "InvalidParameter"},
		"one of the two is enough":                 {body: `{"TaskId":"t","DealName":"d"}`, code: "InvalidParameterValue"},
		"gwlb has tasks of its own":                {body: `{"TaskId":"g"}`, edit: header("X-TC-Version", "2024-09-06")},
		"clb does not know them":                   {body: `{"TaskId":"g"}`, code: "InvalidParameter"},
		"gwlb does not know those of clb":          {edit: header("X-TC-Version", "2024-09-06"), code: "InvalidParameter"},
		"gwlb knows no orders":                     {body: `{"DealName":"d"}`, edit: header("X-TC-Version", "2024-09-06"), code: "UnknownParameter"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, _ := newTestSimulator(Config{})
			s.AddTask(Task{ID: "t", DealName: "d"})
			s.AddTask(Task{ID: "g", Product: GWLB})
			if test.body == "" {
				test.body = `{"TaskId":"t"}`
			}
			r := signedRequest(testTime.Add(test.signedAt), test.body, test.edit)
			if test.tamper != nil {
				test.tamper(r)
			}
			got := serve(t, s, r)
			if got.Error.Code != test.code || (got.Error.Message == "") != (test.code == "") {
				t.Errorf("the error is %+v, want the code %q", got.Error, test.code)
			}
			if call := s.Calls()[0]; call.Code != test.code || call.RequestID != got.RequestID {
				t.Errorf("the call is %+v, the request ID of the reply %q", call, got.RequestID)
			}
		})
	}
}
