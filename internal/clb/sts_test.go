package clb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const testToken = "web.identity.token"

// fakeSTS answers every call with one body, and keeps the last call.
type fakeSTS struct {
	answer     string
	header     http.Header
	parameters map[string]any
}

func (f *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.header, f.parameters = r.Header, nil
	_ = json.NewDecoder(r.Body).Decode(&f.parameters)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(f.answer))
}

// callingSTS makes an STS whose calls end at a handler.
func callingSTS(t *testing.T, handler http.Handler) *STS {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	endpoints, err := NewEndpoints(EndpointOptions{STSEndpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return NewSTS(endpoints)
}

const issued = `{"Response":{"Credentials":{"Token":"tok","TmpSecretId":"tmp","TmpSecretKey":"key"},"ExpiredTime":2000000000,"Expiration":"2033-05-18T03:33:20Z","RequestId":"r"}}`

var wantSession = Session{NewCredential("tmp", "key", "tok"), time.Unix(2000000000, 0)}

func TestARoleIsAssumedWithAToken(t *testing.T) {
	fake := &fakeSTS{answer: issued}
	session, err := callingSTS(t, fake).AssumeRoleWithWebIdentity(t.Context(), "ap-chengdu", WebIdentity{ProviderID: "p", RoleARN: "arn", Token: testToken})
	if err != nil || session != wantSession {
		t.Fatalf("got %v, %v", session, err)
	}
	for name, want := range map[string]string{
		"Authorization": "SKIP", "X-Tc-Action": "AssumeRoleWithWebIdentity", "X-Tc-Version": "2018-08-13", "X-Tc-Region": "ap-chengdu",
		"X-Tc-Token": "", "X-Tc-Language": "en-US",
	} {
		if got := fake.header.Get(name); got != want {
			t.Errorf("the header %s is %q, want %q", name, got, want)
		}
	}
	wantParameters(t, fake, map[string]any{
		"ProviderId": "p", "RoleArn": "arn", "WebIdentityToken": testToken, "RoleSessionName": "clbtask-operator", "DurationSeconds": 7200.0,
	})
}

func TestARoleIsAssumedWithAKey(t *testing.T) {
	for sentence, test := range map[string]struct {
		key  Credential
		role Role
		want map[string]any
	}{
		"a permanent key": {pair, Role{ARN: "arn"}, map[string]any{
			"RoleArn": "arn", "RoleSessionName": "clbtask-operator", "DurationSeconds": 7200.0,
		}},
		"a temporary key and an external ID": {NewCredential(testID, testKey, "session"), Role{ARN: "arn", ExternalID: "x"}, map[string]any{
			"RoleArn": "arn", "RoleSessionName": "clbtask-operator", "DurationSeconds": 7200.0, "ExternalId": "x",
		}},
	} {
		t.Run(sentence, func(t *testing.T) {
			fake := &fakeSTS{answer: issued}
			session, err := callingSTS(t, fake).AssumeRole(t.Context(), "ap-chengdu", test.role, test.key)
			if err != nil || session != wantSession {
				t.Fatalf("got %v, %v", session, err)
			}
			signed := fake.header.Get("Authorization")
			if !strings.HasPrefix(signed, "TC3-HMAC-SHA256 Credential="+testID+"/") || !strings.Contains(signed, "/sts/tc3_request") {
				t.Errorf("the call was signed with %q", signed)
			}
			if fake.header.Get("X-Tc-Region") != "ap-chengdu" || fake.header.Get("X-Tc-Token") != test.key.parts().token {
				t.Errorf("the header is %v", fake.header)
			}
			wantParameters(t, fake, test.want)
		})
	}
}

func wantParameters(t *testing.T, fake *fakeSTS, want map[string]any) {
	t.Helper()
	if got := fmt.Sprint(fake.parameters); got != fmt.Sprint(want) {
		t.Errorf("the parameters are %v, want %v", got, want)
	}
}

func TestTheOwnerOfAKey(t *testing.T) {
	for sentence, test := range map[string]struct{ account, user, want string }{
		"a sub-account":                          {"100", "200", "100/200"},
		"the main account":                       {"100", "100", "100/100"},
		"a session of a role":                    {"100", "4611686:clbtask-operator", "100/4611686"},
		"another session of that role":           {"100", "4611686:somebody", "100/4611686"},
		"a federated user":                       {"100", "200:name", "100/200"},
		"an answer without an account":           {"", "200", ""},
		"an answer without a user":               {"100", ":session", ""},
		"an account that fits no log line":       {"1\n00", "200", ""},
		"a user that is longer than any account": {"100", strings.Repeat("2", 65), ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			body, err := json.Marshal(map[string]any{"Response": map[string]any{"AccountId": test.account, "UserId": test.user, "RequestId": "r"}})
			if err != nil {
				t.Fatal(err)
			}
			fake := &fakeSTS{answer: string(body)}
			identity, err := callingSTS(t, fake).CallerIdentity(t.Context(), "ap-guangzhou", pair)
			if test.want == "" {
				failed := wantError(t, err)
				if failed.Problem != ProblemAPIUnavailable || failed.Action != "GetCallerIdentity" {
					t.Errorf("got %v", failed)
				}
				return
			}
			if err != nil || identity.String() != test.want {
				t.Errorf("got %v, %v", identity, err)
			}
			if action := fake.header.Get("X-Tc-Action"); action != "GetCallerIdentity" {
				t.Errorf("the action was %s", action)
			}
		})
	}
}

func wantError(t *testing.T, err error) *Error {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("the error is %v, not an *Error", err)
	}
	return failed
}

func TestRefusalsOfSTS(t *testing.T) {
	for codes, want := range map[string]Problem{
		"RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded InvalidParameter.OverLimit":                   ProblemAPIUnavailable,
		"InternalError InternalError.GetRoleError InternalError.SystemError InternalError.UnknownError":           ProblemAPIUnavailable,
		"FailedOperation ServiceUnavailable SomethingNew":                                                         ProblemAPIUnavailable,
		"InvalidParameter.WebIdentityTokenError InvalidParameter.ParamError InvalidParameterValue InvalidAction":  ProblemCredentialsRejected,
		"UnauthorizedOperation AuthFailure.UnauthorizedOperation ResourceNotFound.RoleNotFound UnsupportedRegion": ProblemCredentialsRejected,
		"AuthFailure AuthFailure.SecretIdNotFound AuthFailure.TokenFailure AuthFailure.AccessKeyIllegal":          ProblemCredentialsRejected,
		"AuthFailure.SignatureExpire": ProblemClockSkew,
	} {
		for code := range strings.FieldsSeq(codes) {
			t.Run(code, func(t *testing.T) {
				fake := &fakeSTS{answer: `{"Response":{"Error":{"Code":"` + code + `","Message":"no ` + testToken + `, no ` + testKey + `"},"RequestId":"r"}}`}
				sts := callingSTS(t, fake)
				_, unsigned := sts.AssumeRoleWithWebIdentity(t.Context(), "ap-guangzhou", WebIdentity{RoleARN: "the-role", Token: testToken})
				_, signed := sts.AssumeRole(t.Context(), "ap-guangzhou", Role{ARN: "the-role", ExternalID: testToken}, pair)
				for _, err := range []error{unsigned, signed} {
					failed := wantError(t, err)
					if failed.Problem != want || failed.Code != code || failed.RequestID != "r" || failed.Scope != ScopeBucket {
						t.Errorf("got %v", failed)
					}
					if !shows(failed.Message, "role the-role: no ") || shows(allText(failed), testToken) {
						t.Errorf("the message is %q", failed.Message)
					}
				}
				if shows(allText(signed), testKey) {
					t.Errorf("%v shows the key", signed)
				}
			})
		}
	}
}

// allText is all that can be printed of an error and of those below it.
func allText(err error) string {
	var text strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		encoded, _ := json.Marshal(err)
		fmt.Fprintf(&text, "%v %+v %#v %s\n", err, err, err, encoded)
	}
	return text.String()
}

func TestAnswersOfSTSThatAreNone(t *testing.T) {
	const sid, key, tok, at = `"TmpSecretId":"tmp-id"`, `"TmpSecretKey":"tmp-key"`, `"Token":"tmp-token"`, `"ExpiredTime":2000000000`
	credentials := func(parts ...string) string { return `{"Response":{"Credentials":{` + strings.Join(parts, ",") + `},` }
	for sentence, test := range map[string]struct {
		answer  string
		problem Problem
		text    string
	}{
		"no SecretId":          {credentials(key, tok) + at + `}}`, ProblemAPIUnavailable, "no SecretId"},
		"an empty SecretId":    {credentials(`"TmpSecretId":" "`, key, tok) + at + `}}`, ProblemAPIUnavailable, "no SecretId"},
		"no SecretKey":         {credentials(sid, tok) + at + `}}`, ProblemAPIUnavailable, "no SecretKey"},
		"no token":             {credentials(sid, key) + at + `}}`, ProblemAPIUnavailable, "no token"},
		"no expiry":            {credentials(sid, key, tok) + `"RequestId":"r"}}`, ProblemAPIUnavailable, "no expiry"},
		"an empty object":      {`{}`, ProblemAPIUnavailable, "no SecretId"},
		"null":                 {`null`, ProblemAPIUnavailable, ""},
		"a broken body":        {credentials(sid, key, tok) + `"x"`, ProblemAPIUnreachable, "body is broken"},
		"a body of other type": {credentials(sid, `"TmpSecretKey":["tmp-key"]`, tok) + at + `}}`, ProblemAPIUnreachable, "body is broken"},
		"a huge body":          {credentials(sid, key, tok) + at + strings.Repeat(" ", 2<<20) + `}}`, ProblemAPIUnreachable, "larger than"},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := callingSTS(t, &fakeSTS{answer: test.answer}).AssumeRole(t.Context(), "ap-guangzhou", Role{ARN: "arn"}, pair)
			failed := wantError(t, err)
			if failed.Problem != test.problem || !shows(failed.Message, test.text) {
				t.Errorf("got %v", failed)
			}
			for _, secret := range []string{"tmp-id", "tmp-key", "tmp-token", testID, testKey} {
				if shows(allText(failed), secret) {
					t.Errorf("%.300s shows %s", allText(failed), secret)
				}
			}
		})
	}
}

func TestSTSThatDoesNotAnswer(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(code)
		}
	}
	for sentence, test := range map[string]struct {
		handler http.HandlerFunc
		problem Problem
		code    string
	}{
		"it hangs":                  {func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, ProblemAPIUnreachable, "ClientError.Timeout"},
		"a redirect":                {status(307), ProblemAPIUnreachable, "ClientError.HTTP"},
		"a bad gateway":             {status(502), ProblemAPIUnreachable, "ClientError.HTTP"},
		"a gateway that throttles":  {status(429), ProblemAPIUnavailable, "ClientError.HTTP429"},
		"a body in an encoding":     {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "gzip") }, ProblemAPIUnreachable, "ClientError.HTTP"},
		"it closes the connection":  {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ProblemAPIUnreachable, "ClientError.NetworkError"},
		"an empty answer, of HTML ": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }, ProblemAPIUnreachable, "ClientError.HTTP"},
	} {
		t.Run(sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if sentence == "it hangs" {
				ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
			}
			// The poll that waits for it keeps its own responseInfo.
			polls := new(responseInfo)
			_, err := callingSTS(t, test.handler).AssumeRole(context.WithValue(ctx, responseInfoKey{}, polls), "ap-guangzhou", Role{ARN: "arn"}, pair)
			failed := wantError(t, err)
			if failed.Problem != test.problem || failed.Code != test.code || failed.RetryAfter != 0 || failed.Action != "AssumeRole" {
				t.Errorf("got %v, to be repeated after %v", failed, failed.RetryAfter)
			}
			if *polls != (responseInfo{}) {
				t.Error("it changed what is known of the poll")
			}
		})
	}
}

func TestTheClockSkewOfSTSIsMeasured(t *testing.T) {
	sts := callingSTS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", time.Now().Add(-7*time.Minute).UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"m"},"RequestId":"r"}}`))
	}))
	_, err := sts.AssumeRole(t.Context(), "ap-guangzhou", Role{ARN: "arn"}, pair)
	if failed := wantError(t, err); failed.Skew.Round(time.Minute) != 7*time.Minute {
		t.Errorf("got %v with a skew of %v", failed, failed.Skew)
	}
}
