package clb

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

func TestThrottlingByAGateway(t *testing.T) {
	// The clock of the gateway need not be that of this machine.
	clock := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	in := func(d time.Duration) string { return clock.Add(d).Format(http.TimeFormat) }
	const tooMany = `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"m"},"RequestId":"r"}}`
	const internal = `{"Response":{"Error":{"Code":"InternalError","Message":"m"},"RequestId":"r"}}`
	for sentence, test := range map[string]struct {
		status  int
		after   string
		body    string
		problem Problem
		code    string
		want    time.Duration
	}{
		"429 without a time":              {429, "", "", ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with a JSON body":            {429, "", tooMany, ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with seconds":                {429, "7", "", ProblemThrottled, "ClientError.HTTP429", 7 * time.Second},
		"429 with a date":                 {429, in(30 * time.Second), "", ProblemThrottled, "ClientError.HTTP429", 30 * time.Second},
		"429 with a date in the past":     {429, in(-time.Hour), "", ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with a date far ahead":       {429, in(24 * time.Hour), "", ProblemThrottled, "ClientError.HTTP429", time.Minute},
		"429 with an hour":                {429, "3600", "", ProblemThrottled, "ClientError.HTTP429", time.Minute},
		"429 with more than any number":   {429, "99999999999999999999999", "", ProblemThrottled, "ClientError.HTTP429", time.Minute},
		"429 with seconds that overflow":  {429, "9223372036854775807", "", ProblemThrottled, "ClientError.HTTP429", time.Minute},
		"429 with negative seconds":       {429, "-5", "", ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with less than any number":   {429, "-99999999999999999999999", "", ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with garbage":                {429, "soon", "", ProblemThrottled, "ClientError.HTTP429", 0},
		"429 with half a second":          {429, "0.5", "", ProblemThrottled, "ClientError.HTTP429", 0},
		"503 with seconds":                {503, "2", "", ProblemThrottled, "ClientError.HTTP503", 2 * time.Second},
		"503 with a date":                 {503, in(3 * time.Second), "", ProblemThrottled, "ClientError.HTTP503", 3 * time.Second},
		"503 with zero":                   {503, "0", "", ProblemThrottled, "ClientError.HTTP503", 0},
		"503 without a time":              {503, "", "", ProblemAPIUnreachable, "ClientError.HTTP", 0},
		"502 with a time":                 {502, "5", "", ProblemAPIUnreachable, "ClientError.HTTP", 0},
		"a refusal of the API, in JSON":   {200, "", tooMany, ProblemThrottled, "RequestLimitExceeded", 0},
		"a refusal of the API with time":  {200, "3", tooMany, ProblemThrottled, "RequestLimitExceeded", 3 * time.Second},
		"any other error of it with time": {200, "3", internal, ProblemAPIUnavailable, "InternalError", 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Date", clock.Format(http.TimeFormat))
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(cmp.Or(test.body, "<html>")))
			})
			_, err := poll(t, api)
			if err == nil || err.Problem != test.problem || err.Code != test.code || err.RetryAfter != test.want || err.Scope != ScopeBucket {
				t.Errorf("got %v, to be repeated after %v", err, err.RetryAfter)
			}
		})
	}
}

func TestWithoutADateHeaderRetryAfterIsReadByThisMachinesClock(t *testing.T) {
	api := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		w.Header().Set("Retry-After", time.Now().UTC().Add(30*time.Second).Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := poll(t, api); err == nil || err.RetryAfter < 25*time.Second || err.RetryAfter > 30*time.Second {
		t.Errorf("got %v, to be repeated after %v", err, err.RetryAfter)
	}
}

// TestAnEgressProxyThatThrottles: it refuses the CONNECT, before TLS begins.
func TestAnEgressProxyThatThrottles(t *testing.T) {
	for sentence, test := range map[string]struct {
		status  int
		after   string
		problem Problem
		want    time.Duration
	}{
		"429 with a time":               {429, "5", ProblemThrottled, 5 * time.Second},
		"503 with a time":               {503, "6", ProblemThrottled, 6 * time.Second},
		"503 without":                   {503, "", ProblemAPIUnreachable, 0},
		"a proxy that wants a password": {407, "", ProblemAPIUnreachable, 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodConnect {
					t.Errorf("the proxy got %s", r.Method)
				}
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				w.WriteHeader(test.status)
			}))
			defer proxy.Close()
			api, err := NewAPI(Endpoints{}, fixed(pair), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			transport := newTransport(Endpoints{})
			transport.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
			api.transport = validatingTransport{transport}
			_, failed := poll(t, api)
			if failed == nil || failed.Problem != test.problem || failed.RetryAfter != test.want {
				t.Errorf("got %v", failed)
			}
		})
	}
}

func TestTheSimulatorThrottlesAsAGatewayDoes(t *testing.T) {
	api, sim := against(t, clbsim.Config{}, fixed(pair))
	sim.AddFault(clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: 503, Header: http.Header{"Retry-After": {"2"}}})
	if _, err := poll(t, api); err == nil || err.Problem != ProblemThrottled || err.RetryAfter != 2*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestIdleConnectionsAreClosedBeforeTheFrontEndDoes(t *testing.T) {
	const frontEnd = 60 * time.Second // What Tencent Cloud's front end keeps them for.
	if idle := newTransport(Endpoints{}).IdleConnTimeout; idle <= 0 || idle > frontEnd-5*time.Second {
		t.Errorf("they are kept for %v", idle)
	}
}

func FuzzRetryAfterIsBounded(f *testing.F) {
	now := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, value := range []string{"", "7", "-7", "1e9", "99999999999999999999", now.Add(time.Minute).Format(http.TimeFormat), "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if got := retryAfter(value, now); got < 0 || got > time.Minute {
			t.Errorf("%q: %v", value, got)
		}
	})
}
