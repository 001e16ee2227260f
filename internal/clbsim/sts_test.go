package clbsim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerr "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
)

// stsAnswer is what the actions of STS answer with.
type stsAnswer struct {
	tchttp.BaseResponse
	Response struct {
		Credentials struct{ TmpSecretID, TmpSecretKey, Token string }
		ExpiredTime int64
		AccountID   string `json:"AccountId"`
		UserID      string `json:"UserId"`
	}
}

// callSTS calls with the SDK, without a signature if there is no SecretID.
func callSTS(t *testing.T, url string, with Credential, action string, parameters map[string]any) (answer stsAnswer, code string) {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme, p.HttpProfile.Endpoint = "HTTP", strings.TrimPrefix(url, "http://")
	client := common.NewCommonClient(common.NewTokenCredential(with.SecretID, with.SecretKey, with.Token), "ap-guangzhou", p)
	request := tchttp.NewCommonRequest("sts", "2018-08-13", action)
	request.SetSkipSign(with.SecretID == "")
	if parameters == nil {
		parameters = map[string]any{}
	}
	if err := request.SetActionParameters(parameters); err != nil {
		t.Fatal(err)
	}
	err := client.Send(request, &answer)
	var failed *tcerr.TencentCloudSDKError
	if errors.As(err, &failed) {
		return answer, failed.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer, ""
}

func TestSTS(t *testing.T) {
	t.Parallel()
	const arn = "qcs::cam::uin/100:roleName/r"
	withToken := func(token string) map[string]any { return map[string]any{"RoleArn": arn, "WebIdentityToken": token} }
	withID := func(id string) map[string]any { return map[string]any{"RoleArn": arn, "ExternalId": id} }
	user := Credential{SecretID: "AKIDuser", SecretKey: "not-a-secret", Account: "100/200"}
	ended := Credential{SecretID: "AKIDended", SecretKey: "not-a-secret", Token: "token", Expires: testTime}
	for sentence, test := range map[string]struct {
		with       Credential
		action     string
		parameters map[string]any
		code       string
		owner      string // Of the session that is issued, or of the key.
	}{
		"a token assumes a role":                         {action: "AssumeRoleWithWebIdentity", parameters: withToken("web"), owner: "100 300:"},
		"another token does not":                         {action: "AssumeRoleWithWebIdentity", parameters: withToken("other"), code: "InvalidParameter.WebIdentityTokenError"},
		"no token does not":                              {action: "AssumeRoleWithWebIdentity", parameters: withToken(""), code: "InvalidParameter.WebIdentityTokenError"},
		"a key assumes a role":                           {with: user, action: "AssumeRole", parameters: withID("x"), owner: "100 300:"},
		"without the external ID it does not":            {with: user, action: "AssumeRole", parameters: withID(""), code: "UnauthorizedOperation"},
		"a role must exist":                              {with: user, action: "AssumeRole", code: "ResourceNotFound.RoleNotFound"},
		"a key is needed":                                {action: "AssumeRole", parameters: withID("x"), code: "AuthFailure.InvalidAuthorization"},
		"a key that is not known assumes none":           {with: testCredential, action: "AssumeRole", parameters: withID("x"), code: "AuthFailure.SecretIdNotFound"},
		"a key that has ended assumes none":              {with: ended, action: "AssumeRole", parameters: withID("x"), code: "AuthFailure.TokenFailure"},
		"a key has an owner":                             {with: user, action: "GetCallerIdentity", owner: "100 200"},
		"an account without a user is its own":           {with: colleague, action: "GetCallerIdentity", owner: "AKIDcolleague AKIDcolleague"},
		"the owner of no key is not known":               {action: "GetCallerIdentity", code: "AuthFailure.InvalidAuthorization"},
		"an action of another service is not one of STS": {with: user, action: "DescribeTaskStatus", code: "InvalidAction"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			// The SDK signs by the real clock.
			begun := time.Now()
			s := New(Config{Credentials: []Credential{user, colleague, ended}, Now: func() time.Time { return begun }})
			s.AddRole(Role{ARN: arn, Account: "100/300", WebIdentityToken: "web", ExternalID: "x"})
			server := httptest.NewServer(s)
			defer server.Close()
			answer, code := callSTS(t, server.URL, test.with, test.action, test.parameters)
			if code != test.code {
				t.Fatalf("the code is %q, want %q", code, test.code)
			}
			r := answer.Response
			if session := (Credential{SecretID: r.Credentials.TmpSecretID, SecretKey: r.Credentials.TmpSecretKey, Token: r.Credentials.Token}); session.SecretID != "" {
				if r.ExpiredTime != begun.Add(2*time.Hour).Unix() {
					t.Errorf("the session ends at %d", r.ExpiredTime)
				}
				answer, _ = callSTS(t, server.URL, session, "GetCallerIdentity", nil)
				withoutToken := session
				withoutToken.Token = ""
				if _, code := callSTS(t, server.URL, withoutToken, "GetCallerIdentity", nil); code != "AuthFailure.TokenFailure" {
					t.Errorf("without its token it is answered %q", code)
				}
				s.Revoke("100/300")
				if _, code := callSTS(t, server.URL, session, "GetCallerIdentity", nil); code != "AuthFailure.SecretIdNotFound" {
					t.Errorf("after it was revoked it is answered %q", code)
				}
			}
			if r := answer.Response; r.AccountID+" "+r.UserID != test.owner && test.owner != "" {
				t.Errorf("the owner is %q %q, want %q", r.AccountID, r.UserID, test.owner)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{})
	metadata := s.Metadata("qcs::cam::uin/100:roleName/r")
	get := func(name string) (int, string) {
		w := httptest.NewRecorder()
		metadata.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/latest/meta-data/cam/security-credentials/"+name, http.NoBody))
		return w.Code, w.Body.String()
	}
	if code, _ := get(""); code != http.StatusNotFound {
		t.Errorf("without a role the status is %d", code)
	}
	s.AddRole(Role{ARN: "qcs::cam::uin/100:roleName/r", Account: "100/300"})
	if code, name := get(""); code != http.StatusOK || name != "r" {
		t.Errorf("the role is %d %q", code, name)
	}
	if code, _ := get("other"); code != http.StatusNotFound {
		t.Errorf("of another role the status is %d", code)
	}
	_, text := get("r")
	var session struct{ TmpSecretID, Token, Code string }
	if err := json.Unmarshal([]byte(text), &session); err != nil || session.Code != "Success" {
		t.Fatalf("the session is %s: %v", text, err)
	}
	if c := s.credentials[session.TmpSecretID]; c.Token != session.Token || c.Account != "100/300" || !c.Expires.Equal(testTime.Add(2*time.Hour)) {
		t.Errorf("the API knows %+v", c)
	}
}
