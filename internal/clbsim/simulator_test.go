package clbsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	testTime       = time.Date(2026, 3, 18, 23, 58, 0, 0, time.UTC)
	testCredential = Credential{SecretID: "AKIDtest", SecretKey: "not-a-secret"}
	// colleague has the same key, so that it can sign what testCredential signed.
	colleague = Credential{SecretID: "AKIDcolleague", SecretKey: "not-a-secret"}
)

// newTestSimulator returns a simulator that accepts testCredential, and its time.
func newTestSimulator(c Config) (*Simulator, *time.Time) {
	now := testTime
	c.Now = func() time.Time { return now }
	c.Credentials = append(c.Credentials, testCredential)
	return New(c), &now
}

// signedRequest is a call of DescribeTaskStatus, changed by edit before it is
// signed at now.
func signedRequest(now time.Time, body string, edit func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://clb.tencentcloudapi.com/", strings.NewReader(body))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-TC-Action": "DescribeTaskStatus", "X-TC-Version": "2018-03-17",
		"X-TC-Region": "ap-guangzhou", "X-TC-Language": "en-US", "X-TC-Timestamp": strconv.FormatInt(now.Unix(), 10),
	} {
		r.Header.Set(name, value)
	}
	if edit != nil {
		edit(r)
	}
	// The version tells the service.
	service := map[bool]string{true: "gwlb", false: "clb"}[r.Header.Get("X-TC-Version") == "2024-09-06"]
	a := authorization{date: now.UTC().Format(time.DateOnly), service: service, signedHeaders: []string{"content-type", "host"}}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s/%s/tc3_request, SignedHeaders=content-type;host, Signature=%s",
		algorithm, testCredential.SecretID, a.date, service, sign(r, []byte(body), a, testCredential.SecretKey)))
	return r
}

// content is that of a reply.
type content struct {
	Status    *int
	RequestID string `json:"RequestId"`
	Error     APIError
	text      string
}

func serve(t *testing.T, s *Simulator, r *http.Request) content {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	var body struct{ Response content }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusOK {
		t.Fatalf("the reply is %d %q: %v", w.Code, w.Body, err)
	}
	date := s.config.Now().UTC().Format(http.TimeFormat)
	if got := w.Header(); got.Get("Date") != date || got.Get("Content-Type") != "application/json" {
		t.Errorf("the headers are %v, want the date %s", got, date)
	}
	body.Response.text = w.Body.String()
	return body.Response
}

// poll polls the task at the simulator's time.
func poll(t *testing.T, s *Simulator, id string) content {
	t.Helper()
	return serve(t, s, signedRequest(s.config.Now(), `{"TaskId":"`+id+`"}`, nil))
}

func TestLife(t *testing.T) {
	t.Parallel()
	type moment struct {
		after time.Duration
		want  string
	}
	const unknown = `"Error":{"Code":"InvalidParameter","Message":"The task t does not exist."}`
	const running = `"Status":2,"LoadBalancerIds":null,"Message":null`
	ids := []string{"lb-1", "lb-2"}
	for sentence, test := range map[string]struct {
		task Task
		life []moment
		end  time.Time // Zero means never.
	}{
		"it is in progress, then succeeded": {
			Task{Duration: 4 * time.Second, LoadBalancerIDs: ids, Message: "m"},
			[]moment{{4*time.Second - 1, running}, {4 * time.Second, `"Status":0,"LoadBalancerIds":["lb-1","lb-2"],"Message":"m"`}}, testTime.Add(4 * time.Second),
		},
		"it is in progress, then failed": {
			Task{Duration: 4 * time.Second, LoadBalancerIDs: ids, Message: "m", Result: Failed},
			[]moment{{4*time.Second - 1, running}, {4 * time.Second, `"Status":1,"LoadBalancerIds":null,"Message":"m"`}}, testTime.Add(4 * time.Second),
		},
		"it never ends if it is stuck": {Task{Result: Stuck, Message: "m"}, []moment{{24 * time.Hour, running}}, time.Time{}},
		"its clock may start with the first poll": {
			Task{FromFirstPoll: true, Duration: time.Second},
			[]moment{{time.Hour, running}, {time.Hour + time.Second - 1, running}, {time.Hour + time.Second, `"Status":0,"LoadBalancerIds":null,"Message":null`}},
			testTime.Add(time.Hour + time.Second),
		},
		"its region knows it":     {Task{Region: "ap-guangzhou", Result: Stuck}, []moment{{0, running}}, time.Time{}},
		"another region does not": {Task{Region: "ap-beijing", Result: Stuck}, []moment{{0, unknown}}, time.Time{}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, now := newTestSimulator(Config{})
			test.task.ID = s.AddTask(Task{ID: "t"}).ID
			s.AddTask(test.task) // It replaces the former one.
			for _, m := range test.life {
				*now = testTime.Add(m.after)
				got := poll(t, s, "t")
				if want := `{"Response":{` + m.want + `,"RequestId":"` + got.RequestID + `"}}`; got.text != want {
					t.Errorf("after %v the reply is %s, want %s", m.after, got.text, want)
				}
			}
			if task, ok := s.Task("t"); !ok || !task.End().Equal(test.end) {
				t.Errorf("it ends at %v, want %v", task.End(), test.end)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	// Some time passes before each step. The first of its calls pass, the others
	// are throttled.
	type step struct {
		after         time.Duration
		calls, passes int
	}
	for sentence, test := range map[string]struct {
		perSecond int
		steps     []step
		peak      int
	}{
		"20 pass by default":                  {0, []step{{0, 21, 20}}, 21},
		"the quota can be chosen":             {3, []step{{0, 4, 3}}, 4},
		"after a second 20 pass again":        {0, []step{{0, 25, 20}, {time.Second, 21, 20}}, 25},
		"a moment before it none passes":      {0, []step{{0, 20, 20}, {time.Second - 1, 1, 0}}, 21},
		"a refusal does not prolong the wait": {0, []step{{0, 20, 20}, {900 * time.Millisecond, 50, 0}, {100 * time.Millisecond, 20, 20}}, 70},
		"a second begins at any time":         {0, []step{{900 * time.Millisecond, 20, 20}, {200 * time.Millisecond, 20, 0}}, 40},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, now := newTestSimulator(Config{RequestsPerSecond: test.perSecond})
			s.AddTask(Task{ID: "t"})
			want := AccountStats{Peak: test.peak}
			for i, step := range test.steps {
				*now = now.Add(step.after)
				for n := range step.calls {
					code := poll(t, s, "t").Error.Code
					throttled := code == "RequestLimitExceeded"
					if throttled != (n >= step.passes) || throttled != s.Calls()[want.Arrivals].Throttled {
						t.Fatalf("step %d, call %d: the code is %q", i+1, n+1, code)
					}
					want.Arrivals++
				}
				want.Throttled += step.calls - step.passes
			}
			if got := s.Stats(); got.Calls != want.Arrivals || got.Accounts[testCredential.SecretID] != want {
				t.Errorf("the stats are %+v, want %+v", got, want)
			}
		})
	}
}

func TestQuotaIsShared(t *testing.T) {
	t.Parallel()
	const throttled = "Your current request times equals to `2` in a second, which exceeds the frequency limit `1` for a second." +
		" Please reduce the frequency of calls."
	for sentence, test := range map[string]struct {
		account string // Of both credentials.
		edit    func(*http.Request)
		tamper  func(*http.Request) // After the signature, which the secret ID is no part of.
		want    string              // The error of the second call.
	}{
		"a key has a quota":                 {want: throttled},
		"a key of another account, too":     {tamper: replace("AKIDtest", "AKIDcolleague")},
		"keys of one account share it":      {account: "1", tamper: replace("AKIDtest", "AKIDcolleague"), want: throttled},
		"another host has another quota":    {edit: at("127.0.0.1:1", "ap-guangzhou")},
		"another region has no other quota": {edit: at("clb.tencentcloudapi.com", "ap-beijing"), want: throttled},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			both := []Credential{testCredential, colleague}
			both[0].Account, both[1].Account = test.account, test.account
			s := New(Config{RequestsPerSecond: 1, Credentials: both, Now: func() time.Time { return testTime }})
			s.AddTask(Task{ID: "t"})
			poll(t, s, "t")
			r := signedRequest(testTime, `{"TaskId":"t"}`, test.edit)
			if test.tamper != nil {
				test.tamper(r)
			}
			if got := serve(t, s, r).Error.Message; got != test.want {
				t.Errorf("the error of the second call is %q, want %q", got, test.want)
			}
		})
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	s, now := newTestSimulator(Config{LogLimit: 4})
	want := Call{
		At: *now, Region: "ap-guangzhou", Service: "clb", Action: "DescribeTaskStatus", Host: "clb.tencentcloudapi.com", TaskID: "0", Language: "en-US",
		Client: "192.0.2.1:1234", Account: "AKIDtest",
		RequestID: poll(t, s, "0").RequestID, Code: "InvalidParameter",
	}
	if call := s.Calls()[0]; call != want || len(want.RequestID) != len(simulated)+36 {
		t.Errorf("the call is %+v, want %+v", call, want)
	}
	for n := range 5 {
		poll(t, s, strconv.Itoa(n+1))
	}
	// The first two were dropped before the fifth.
	kept := s.Calls()
	if len(kept) != 4 || kept[0].TaskID != "2" || kept[3].TaskID != "5" || len(s.CallsFor("5")) != 1 || s.CountCalls() != 6 {
		t.Errorf("of %d calls these are kept: %+v", s.CountCalls(), kept)
	}
}

// TestRace needs the race detector.
func TestRace(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{RequestsPerSecond: 100})
	var group sync.WaitGroup
	for n := range 80 {
		group.Go(func() {
			id := s.AddTask(Task{ID: strconv.Itoa(n), FromFirstPoll: true}).ID
			s.AddFault(Fault{Kind: Hang, Region: id})
			poll(t, s, id)
			if task, _ := s.Task(id); task.End().IsZero() || len(s.CallsFor(id)) != 1 {
				t.Errorf("the task %s was not polled", id)
			}
			s.ClearFaults()
		})
	}
	group.Wait()
	if got := s.Stats(); got.Calls != 80 || got.Accounts[testCredential.SecretID].Arrivals != 80 {
		t.Errorf("the stats are %+v", got)
	}
}
