package clbsim

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	clb "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/clb/v20180317"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerr "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// TestSDK polls with the real client of the real API.
func TestSDK(t *testing.T) {
	t.Parallel()
	temporary := Credential{SecretID: "AKIDtemporary", SecretKey: "no-secret-either", Token: "token"}
	ok := func(body string, header http.Header) Fault {
		return Fault{Kind: HTTPResponse, StatusCode: http.StatusOK, Body: body, Header: header}
	}
	redirect := Fault{Kind: HTTPResponse, StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"location": {"ftp://x"}}}
	for sentence, test := range map[string]struct {
		with   Credential // Default: testCredential.
		ahead  time.Duration
		fault  Fault
		status int64
		code   string
		text   string // Part of the error.
	}{
		"a key pair is accepted":             {status: 1},
		"a temporary credential is accepted": {with: temporary, status: 1},
		"a wrong key is refused":             {with: Credential{SecretID: "AKIDtest", SecretKey: "x"}, code: "AuthFailure.SignatureFailure"},
		"an unknown key is refused":          {with: Credential{SecretID: "AKIDother", SecretKey: "x"}, code: "AuthFailure.SecretIdNotFound"},
		"a missing token is refused":         {with: Credential{SecretID: "AKIDtemporary", SecretKey: "no-secret-either"}, code: "AuthFailure.TokenFailure"},
		"a clock that is off is refused":     {ahead: time.Hour, code: "AuthFailure.SignatureExpire"},
		"an error code is reported":          {fault: internalError, code: "InternalError", text: "try again"},
		"a reset is one of TCP":              {fault: Fault{Kind: Reset}, code: "ClientError.NetworkError", text: syscall.ECONNRESET.Error()},
		"a bad gateway has an HTML page":     {fault: badGateway, code: "ClientError.ParseJsonError", text: "<h1>502 Bad Gateway</h1>"},
		"a redirect leads to where it says":  {fault: redirect, code: "ClientError.NetworkError", text: "ftp"},
		"a body can be chosen":               {fault: ok(`{"Response":{"Status":7}}`, nil), status: 7},
		"a body can be shorter than it says": {fault: ok("{", http.Header{"Content-Length": {"9"}}), code: "ClientError.ParseJsonError", text: "unexpected EOF"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s := New(Config{Credentials: []Credential{testCredential, temporary}, Now: func() time.Time { return time.Now().Add(test.ahead) }})
			s.AddTask(Task{ID: "t", Result: Failed})
			if test.fault.Kind != "" {
				s.AddFault(test.fault)
			}
			server := httptest.NewServer(s)
			defer server.Close()
			if test.with.SecretID == "" {
				test.with = testCredential
			}
			p := profile.NewClientProfile()
			p.HttpProfile.Scheme, p.HttpProfile.Endpoint = "HTTP", strings.TrimPrefix(server.URL, "http://")
			client, err := clb.NewClient(common.NewTokenCredential(test.with.SecretID, test.with.SecretKey, test.with.Token), "ap-guangzhou", p)
			if err != nil {
				t.Fatal(err)
			}
			request := clb.NewDescribeTaskStatusRequest()
			request.TaskId = common.StringPtr("t")
			response, err := client.DescribeTaskStatus(request)
			var failed *tcerr.TencentCloudSDKError
			switch {
			case test.code == "" && (err != nil || *response.Response.Status != test.status):
				t.Errorf("the SDK reads %+v, %v", response, err)
			case test.code != "" && (!errors.As(err, &failed) || failed.Code != test.code || !strings.Contains(err.Error(), test.text)):
				t.Errorf("the error is %v, want the code %q with %q", err, test.code, test.text)
			}
		})
	}
}
