package clbsim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// testTime is when the clocks of tests begin.
var testTime = time.Date(2026, 3, 18, 12, 0, 0, 0, time.UTC)

// testCredential is the one that signed requests are signed with.
var testCredential = Credential{SecretID: "AKIDtest", SecretKey: "not-a-secret"}

// clock is a time that only the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: testTime} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// signedRequest is a call of DescribeTaskStatus, changed by edit before it is
// signed at now.
func signedRequest(now time.Time, body string, edit func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://clb.tencentcloudapi.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-TC-Action", "DescribeTaskStatus")
	r.Header.Set("X-TC-Version", "2018-03-17")
	r.Header.Set("X-TC-Region", "ap-guangzhou")
	r.Header.Set("X-TC-Language", "en-US")
	r.Header.Set("X-TC-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if edit != nil {
		edit(r)
	}
	a := authorization{
		secretID:      testCredential.SecretID,
		date:          now.UTC().Format(time.DateOnly),
		service:       "clb",
		signedHeaders: []string{"content-type", "host"},
	}
	signature := sign(r, []byte(body), a, testCredential.SecretKey)
	r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+a.secretID+"/"+a.date+"/clb/tc3_request, "+
		"SignedHeaders=content-type;host, Signature="+signature)
	return r
}

// reply is an answer as a lenient client reads it.
type reply struct {
	Response struct {
		Status          *int
		LoadBalancerIDs []string `json:"LoadBalancerIds"`
		Message         *string
		RequestID       string `json:"RequestId"`
		Error           *APIError
	}
}

func (r reply) code() string {
	if r.Response.Error == nil {
		return ""
	}
	return r.Response.Error.Code
}

// serve lets the simulator answer r, and reads the answer.
func serve(t *testing.T, s *Simulator, r *http.Request) (reply, *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var answer reply
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("the answer %q is no JSON: %v", w.Body, err)
	}
	return answer, w
}

// ask asks for the task at the simulator's time.
func ask(t *testing.T, s *Simulator, taskID string) reply {
	t.Helper()
	answer, _ := serve(t, s, signedRequest(s.now(), `{"TaskId":"`+taskID+`"}`, nil))
	return answer
}

func newTestSimulator(c Config) (*Simulator, *clock) {
	at := newClock()
	c.Now = at.now
	c.Credentials = append(c.Credentials, testCredential)
	return New(c), at
}
