package credentials

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	roleARN  = "qcs::cam::uin/100:roleName/clbtask"
	webToken = "the.web.token"
)

// fakeSTS issues a session to every call, and keeps the calls.
type fakeSTS struct {
	mu    sync.Mutex
	code  string // Of the error that it answers with; empty for none.
	calls []stsCall
}

type stsCall struct {
	action, region, authorization string
	parameters                    map[string]any
}

func (f *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := stsCall{action: r.Header.Get("X-TC-Action"), region: r.Header.Get("X-TC-Region"), authorization: r.Header.Get("Authorization")}
	_ = json.NewDecoder(r.Body).Decode(&call.parameters)
	f.calls = append(f.calls, call)
	w.Header().Set("Content-Type", "application/json")
	if f.code != "" {
		_, _ = fmt.Fprintf(w, `{"Response":{"Error":{"Code":%q,"Message":"no %s"},"RequestId":"r"}}`, f.code, webToken)
		return
	}
	_, _ = fmt.Fprintf(w, `{"Response":{"Credentials":{"Token":"tmp-token","TmpSecretId":"tmp-id%d","TmpSecretKey":"tmp-key"},"ExpiredTime":%d,
		"AccountId":"100","UserId":"200:session","RequestId":"r"}}`, len(f.calls), time.Now().Add(2*time.Hour).Unix())
}

// of returns the calls of an action.
func (f *fakeSTS) of(action string) []stsCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	var calls []stsCall
	for _, call := range f.calls {
		if call.action == action {
			calls = append(calls, call)
		}
	}
	return calls
}

func (f *fakeSTS) refuse(code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.code = code
}

// served makes an STS whose calls end at a fake.
func served(t *testing.T) (*clb.STS, *fakeSTS) {
	t.Helper()
	fake := new(fakeSTS)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	endpoints, err := clb.NewEndpoints(clb.EndpointOptions{STSEndpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return clb.NewSTS(endpoints), fake
}

// environment is one in which the variables are set as given, NAME=value.
func environment(variables ...string) func(string) string {
	return func(name string) string {
		for _, variable := range variables {
			if before, value, _ := strings.Cut(variable, "="); before == name {
				return value
			}
		}
		return ""
	}
}

// tke is the environment of a pod that has an identity.
func tke(t *testing.T) (getenv func(string) string, tokenFile string) {
	t.Helper()
	directory := t.TempDir()
	write(t, directory, map[string]string{"token": webToken + "\n"})
	file := filepath.Join(directory, "token")
	return environment("TKE_REGION=ap-chengdu", "TKE_PROVIDER_ID=provider", "TKE_ROLE_ARN="+roleARN, "TKE_WEB_IDENTITY_TOKEN_FILE="+file), file
}

func TestPodIdentity(t *testing.T) {
	sts, fake := served(t)
	getenv, file := tke(t)
	source, err := New(Options{Source: PodIdentity, Getenv: getenv}, sts)
	if err != nil {
		t.Fatal(err)
	}
	if source.Account() != "role "+roleARN {
		t.Errorf("the account is %s", source.Account())
	}
	for n, token := range []string{webToken, "the.next.token"} {
		write(t, filepath.Dir(file), map[string]string{"token": token + "\n"})
		if _, err := source.Credential(t.Context()); err != nil {
			t.Fatal(err)
		}
		calls := fake.of("AssumeRoleWithWebIdentity")
		if len(calls) != n+1 {
			t.Fatalf("%d calls", len(calls))
		}
		last := calls[n]
		if last.region != "ap-chengdu" || last.authorization != "SKIP" || last.parameters["WebIdentityToken"] != token ||
			last.parameters["RoleArn"] != roleARN || last.parameters["ProviderId"] != "provider" {
			t.Errorf("the call was %+v", last)
		}
		// The session ends.
		source.source.(*role).session.Expires, source.source.(*role).notBefore = time.Time{}, time.Time{}
	}
}

func TestTheTokenFileOfPodIdentity(t *testing.T) {
	for sentence, test := range map[string]struct{ name, content, text string }{
		"one that is not there": {"other", webToken, "no such file"},
		"one that is empty":     {"token", " \n", "is empty"},
		"one that is too large": {"token", strings.Repeat("x", 70_000), "larger than"},
	} {
		t.Run(sentence, func(t *testing.T) {
			sts, fake := served(t)
			directory := t.TempDir()
			write(t, directory, map[string]string{test.name: test.content})
			file := filepath.Join(directory, "token")
			source := podIdentity(environment("TKE_REGION=r", "TKE_PROVIDER_ID=p", "TKE_ROLE_ARN=a", "TKE_WEB_IDENTITY_TOKEN_FILE="+file), sts)
			_, err := source.Credential(t.Context())
			if !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v", err)
			}
			if len(fake.calls) != 0 {
				t.Errorf("%d calls", len(fake.calls))
			}
		})
	}
}

func TestAPodWithoutIdentitySaysWhichVariablesAreMissing(t *testing.T) {
	sts, _ := served(t)
	source, err := New(Options{Source: PodIdentity, Getenv: environment("TKE_REGION=ap-chengdu", "TKE_PROVIDER_ID=p")}, sts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = source.Credential(t.Context())
	if !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), "needs TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN in") {
		t.Errorf("got %v", err)
	}
}

func TestARoleIsAssumedOnTopOfASource(t *testing.T) {
	sts, fake := served(t)
	server := new(store)
	server.set("id1", "key1", nil)
	source, err := New(Options{
		Source: FromSecret, SecretName: "s", GetSecret: server.get, AssumeRoleARN: roleARN, AssumeRoleExternalID: "x",
		STSRegion: "ap-beijing", Getenv: environment(),
	}, sts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source.Credential(t.Context()); err != nil {
		t.Fatal(err)
	}
	call := fake.of("AssumeRole")[0]
	if call.region != "ap-beijing" || call.parameters["ExternalId"] != "x" || call.parameters["RoleArn"] != roleARN || !strings.Contains(call.authorization, "=id1/") {
		t.Errorf("the call was %+v", call)
	}
	if source.String() != "role "+roleARN+" with the key of Secret s" {
		t.Errorf("it is %v", source)
	}
}

// TestAKeyThatSTSRejectsIsReportedToItsSource: it may have been rotated.
func TestAKeyThatSTSRejectsIsReportedToItsSource(t *testing.T) {
	for code, want := range map[string]bool{"AuthFailure.SecretIdNotFound": true, "InternalError": false} {
		sts, fake := served(t)
		fake.refuse(code)
		server := new(store)
		server.set("id1", "key1", nil)
		base := NewSecret("s", server.get)
		_, err := assumedRole(base, clb.Role{ARN: roleARN}, "ap-beijing", sts).Credential(t.Context())
		var failed *clb.Error
		if !errors.As(err, &failed) || failed.Code != code || failed.Action != "AssumeRole" {
			t.Errorf("%s: got %v", code, err)
		}
		if base.stale != want {
			t.Errorf("%s: reported %v", code, base.stale)
		}
	}
}

func TestWithoutABaseKeyNoRoleIsAssumed(t *testing.T) {
	sts, fake := served(t)
	source := assumedRole(clb.EnvCredentials{Getenv: environment()}, clb.Role{ARN: roleARN}, "ap-beijing", sts)
	if _, err := source.Credential(t.Context()); !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), clb.EnvSecretID) {
		t.Errorf("got %v", err)
	}
	if len(fake.calls) != 0 {
		t.Errorf("%d calls", len(fake.calls))
	}
}

// TestAPollFailsAsItsSource: the error reaches the objects with its problem and code.
func TestAPollFailsAsItsSource(t *testing.T) {
	for code, want := range map[string]clb.Problem{
		"InvalidParameter.WebIdentityTokenError": clb.ProblemCredentialsRejected,
		"InvalidParameter.OverLimit":             clb.ProblemAPIUnavailable,
		"":                                       clb.ProblemAPIUnreachable, // No CLB listens.
	} {
		sts, fake := served(t)
		fake.refuse(code)
		getenv, _ := tke(t)
		source, err := New(Options{Getenv: getenv}, sts)
		if err != nil {
			t.Fatal(err)
		}
		endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: []string{"http://127.0.0.1:1"}})
		if err != nil {
			t.Fatal(err)
		}
		api, err := clb.NewAPI(endpoints, source, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		_, err = api.DescribeTaskStatus(t.Context(), clb.TaskQuery{Region: "ap-chengdu", TaskID: "t"})
		var failed *clb.Error
		if !errors.As(err, &failed) || failed.Problem != want || (failed.Action == "") != (code == "") || code != "" && failed.Code != code {
			t.Errorf("%s: got %v", code, err)
		}
		if strings.Contains(err.Error(), webToken) {
			t.Errorf("%v shows the token", err)
		}
	}
}
