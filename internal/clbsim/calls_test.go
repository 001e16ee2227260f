package clbsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestCallLog(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	s.AddTask(Task{ID: "t", Outcome: Failed})
	at.advance(time.Minute)
	r := signedRequest(at.now(), `{"TaskId":"t","DealName":"d"}`, func(r *http.Request) {
		r.Host = "clb.tencentcloudapi.com:443"
		r.Header.Set("User-Agent", "agent/1.0")
	})
	answer, _ := serve(t, s, r)

	call := s.Calls()[0]
	if call.Status == nil || *call.Status != 1 {
		t.Errorf("the status is %v", call.Status)
	}
	call.Status = nil
	want := Call{
		At: testTime.Add(time.Minute), Account: testCredential.SecretID, SecretID: testCredential.SecretID,
		Region: "ap-guangzhou", Host: "clb.tencentcloudapi.com", TaskID: "t", DealName: "d",
		RequestID: answer.Response.RequestID, Language: "en-US", UserAgent: "agent/1.0",
	}
	if call != want {
		t.Errorf("the call is\n%+v, want\n%+v", call, want)
	}
}

func TestCallLogIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{LogLimit: 3, RequestsPerSecond: 100})
	for n := range 7 {
		ask(t, s, fmt.Sprint(n%2, "-", n))
		if got := s.CountCalls(); got != n+1 {
			t.Errorf("%d calls are counted, want %d", got, n+1)
		}
	}
	var kept []string
	for _, c := range s.Calls() {
		kept = append(kept, c.TaskID)
	}
	if got := strings.Join(kept, " "); got != "0-4 1-5 0-6" {
		t.Errorf("the calls kept are %q", got)
	}
	if got := s.CallsFor("1-5"); len(got) != 1 || got[0].TaskID != "1-5" {
		t.Errorf("the calls for 1-5 are %+v", got)
	}
	if got := s.CallsFor("1-1"); len(got) != 0 {
		t.Errorf("the calls for 1-1 are %+v", got)
	}
	if got := s.Stats(); got.Calls != 7 || got.Accounts[testCredential.SecretID].Arrivals != 7 {
		t.Errorf("the stats are %+v", got)
	}
}

func TestSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	c := Credential{SecretID: "AKID", SecretKey: "very-secret", Token: "most-secret", Account: "100001"}
	s := New(Config{Credentials: []Credential{c}})
	marshalled, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%+v", Config{Credentials: []Credential{c}}),
		string(marshalled), fmt.Sprintf("%+v", s.Stats()),
	} {
		if strings.Contains(text, "secret") {
			t.Errorf("a secret is written: %s", text)
		}
	}
	if got := c.String(); got != "credential AKID of account 100001" {
		t.Errorf("it is written %q", got)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{LogLimit: 10})
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for i := range 20 {
				id := fmt.Sprint(n, "-", i)
				remove := s.AddFault(Fault{Kind: WrongContentType, TaskID: id, Share: 0.5})
				s.AddTask(Task{ID: id})
				ask(t, s, id)
				s.SetBackground(testCredential.SecretID, i)
				s.SetCredential(testCredential)
				_, _, _, _ = s.Calls(), s.CallsFor(id), s.Stats(), s.Tasks()
				remove()
				s.RemoveTask(id)
			}
		})
	}
	group.Wait()
	if got := s.CountCalls(); got != 160 {
		t.Errorf("%d calls are counted", got)
	}
}
