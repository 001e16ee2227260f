package clbsim

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// faultsOf are the names of the faults that strike when each task is asked for.
func faultsOf(t *testing.T, s *Simulator, taskIDs ...string) string {
	t.Helper()
	before := s.CountCalls()
	for _, id := range taskIDs {
		ask(t, s, id)
	}
	var names []string
	for _, c := range s.Calls()[before:] {
		names = append(names, c.Fault)
	}
	return strings.Join(names, ",")
}

func TestWhichCallsAFaultStrikes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault Fault
		asked []string
		want  string
	}{
		"all of them by default":                {asked: []string{"a", "b"}, want: "f,f"},
		"the first so many":                     {fault: Fault{Count: 2}, asked: []string{"a", "b", "a"}, want: "f,f,"},
		"the first so many that match":          {fault: Fault{Count: 1, TaskID: "b"}, asked: []string{"a", "b", "b"}, want: ",f,"},
		"those of a task ID":                    {fault: Fault{TaskID: "a"}, asked: []string{"a", "b"}, want: "f,"},
		"those of a pattern of task IDs":        {fault: Fault{TaskID: "b-*"}, asked: []string{"a", "b-1", "b-2"}, want: ",f,f"},
		"those of a secret ID":                  {fault: Fault{SecretID: testCredential.SecretID}, asked: []string{"a"}, want: "f"},
		"none of another secret ID":             {fault: Fault{SecretID: "AKIDother"}, asked: []string{"a"}, want: ""},
		"those of a region":                     {fault: Fault{Region: "ap-guangzhou"}, asked: []string{"a"}, want: "f"},
		"none of another region":                {fault: Fault{Region: "ap-beijing"}, asked: []string{"a"}, want: ""},
		"those of a host":                       {fault: Fault{Host: "clb.tencentcloudapi.com"}, asked: []string{"a"}, want: "f"},
		"none of another host":                  {fault: Fault{Host: "clb.example.com"}, asked: []string{"a"}, want: ""},
		"those that a function picks":           {fault: Fault{Match: func(c Call) bool { return c.TaskID == "b" }}, asked: []string{"a", "b"}, want: ",f"},
		"only if the fields match as well":      {fault: Fault{TaskID: "a", Match: func(Call) bool { return true }}, asked: []string{"b"}, want: ""},
		"all of them with a share of one":       {fault: Fault{Share: 1}, asked: []string{"a", "b"}, want: "f,f"},
		"hardly any with a share of next to 0":  {fault: Fault{Share: math.SmallestNonzeroFloat64}, asked: []string{"a", "b"}, want: ","},
		"none before its time":                  {fault: Fault{After: time.Second}, asked: []string{"a"}, want: ""},
		"a function sees the account and agent": {fault: Fault{Match: func(c Call) bool { return c.Account == testCredential.SecretID && c.Language == "en-US" }}, asked: []string{"a"}, want: "f"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, _ := newTestSimulator(Config{})
			test.fault.Name, test.fault.Kind = "f", EmptyObject
			s.AddFault(test.fault)
			if got := faultsOf(t, s, test.asked...); got != test.want {
				t.Errorf("struck %q, want %q", got, test.want)
			}
		})
	}
}

func TestAFaultMatchesDealNames(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	s.AddFault(Fault{Kind: NullBody, TaskID: "deal-*"})
	serve(t, s, signedRequest(at.now(), `{"DealName":"deal-1"}`, nil))
	if got := s.Calls()[0].Fault; got != "NullBody" {
		t.Errorf("the fault is %q", got)
	}
}

func TestAFaultHasItsTime(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	s.AddFault(Fault{Name: "f", Kind: EmptyObject, After: 10 * time.Second, For: 30 * time.Second})
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, ""}, {10*time.Second - 1, ""}, {1, "f"}, {30*time.Second - 1, "f"}, {1, ""}} {
		at.advance(step.after)
		if got := faultsOf(t, s, "t"); got != step.want {
			t.Errorf("after %v: struck %q, want %q", at.now().Sub(testTime), got, step.want)
		}
	}
}

func TestFaultsComeAndGo(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{})
	remove := s.AddFault(Fault{Name: "first", Kind: EmptyObject})
	s.AddFault(Fault{Name: "second", Kind: NullBody})
	s.AddFault(Fault{Name: "slow", Kind: Latency})
	s.AddFault(Fault{Name: "slower", Kind: Latency})
	if got := faultsOf(t, s, "t"); got != "slow+slower+first" {
		t.Errorf("with all: struck %q", got)
	}
	remove()
	remove() // Once more does no harm.
	if got := faultsOf(t, s, "t"); got != "slow+slower+second" {
		t.Errorf("without the first: struck %q", got)
	}
	s.ClearFaults()
	if got := faultsOf(t, s, "t"); got != "" {
		t.Errorf("without any: struck %q", got)
	}
}

func TestAShareIsRandomAndRepeatable(t *testing.T) {
	t.Parallel()
	count := func(seed uint64) (n int, pattern string) {
		s, _ := newTestSimulator(Config{Seed: seed, RequestsPerSecond: 1000})
		s.AddFault(Fault{Name: "f", Kind: NullBody, Share: 0.3})
		var asked [1000]string
		pattern = faultsOf(t, s, asked[:]...)
		return strings.Count(pattern, "f"), pattern
	}
	n, pattern := count(1)
	if n < 250 || n > 350 {
		t.Errorf("of 1000 calls %d are struck, want about 300", n)
	}
	if _, again := count(1); again != pattern {
		t.Error("the same seed strikes other calls")
	}
	if _, other := count(2); other == pattern {
		t.Error("another seed strikes the same calls")
	}
}

func TestWhereFaultsStrike(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault    Fault
		task     string
		forged   bool
		code     string
		struck   string
		arrivals int
	}{
		"a transport fault strikes before the signature": {
			fault: Fault{Kind: HTTPStatus, StatusCode: 502}, forged: true, struck: "HTTPStatus"},
		"a transport fault strikes before the quota": {
			fault: Fault{Kind: HTTPStatus, StatusCode: 502}, struck: "HTTPStatus"},
		"an error code strikes behind the signature": {
			fault: Fault{Kind: ErrorCode, Code: "InternalError"}, forged: true, code: "AuthFailure.SignatureFailure"},
		"an error code strikes behind the quota": {
			fault: Fault{Kind: ErrorCode, Code: "InternalError"}, code: "InternalError", struck: "ErrorCode", arrivals: 1},
		"an error code strikes before the task is looked up": {
			fault: Fault{Kind: ErrorCode, Code: "InternalError"}, task: "other", code: "InternalError", struck: "ErrorCode", arrivals: 1},
		"a spoilt answer is that of the true refusal": {
			fault: Fault{Kind: WrongContentType}, task: "other", code: "InvalidParameter", struck: "WrongContentType", arrivals: 1},
		"latency strikes refused calls as well": {
			fault: Fault{Kind: Latency}, forged: true, code: "AuthFailure.SignatureFailure", struck: "Latency"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(Config{})
			s.AddTask(Task{ID: "t"})
			s.AddFault(test.fault)
			if test.task == "" {
				test.task = "t"
			}
			r := signedRequest(at.now(), `{"TaskId":"`+test.task+`"}`, nil)
			if test.forged {
				r.Host = "clb.example.com"
			}
			s.ServeHTTP(httptest.NewRecorder(), r)
			call := s.Calls()[0]
			if call.Code != test.code || call.Fault != test.struck {
				t.Errorf("the log says code %q and fault %q, want %q and %q", call.Code, call.Fault, test.code, test.struck)
			}
			if got := s.Stats().Accounts[testCredential.SecretID].Arrivals; got != test.arrivals {
				t.Errorf("%d arrivals are counted, want %d", got, test.arrivals)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault Fault
		want  string
	}{
		"no kind":                      {Fault{}, "unknown kind"},
		"an unknown kind":              {Fault{Kind: "Earthquake"}, `unknown kind "Earthquake"`},
		"a pattern that is none":       {Fault{Kind: Hang, TaskID: "["}, "pattern"},
		"a negative count":             {Fault{Kind: Hang, Count: -1}, "negative"},
		"a share beyond one":           {Fault{Kind: Hang, Share: 1.5}, "0 to 1"},
		"a negative time":              {Fault{Kind: Hang, After: -1}, "negative"},
		"a negative delay":             {Fault{Kind: Latency, Delay: -1}, "negative"},
		"a status that is none":        {Fault{Kind: HTTPStatus, StatusCode: 99}, "status code 99"},
		"a huge body of nothing":       {Fault{Kind: HugeBody}, "mebibytes"},
		"an error without a code":      {Fault{Kind: ErrorCode, Message: "m"}, "code is missing"},
		"the name is part of the text": {Fault{Name: "outage", Kind: ErrorCode}, "fault outage:"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			if err := test.fault.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v, want one with %q", err, test.want)
			}
			defer func() {
				if recover() == nil {
					t.Error("AddFault does not panic")
				}
			}()
			s, _ := newTestSimulator(Config{})
			s.AddFault(test.fault)
		})
	}
}

func TestResetWithoutAConnectionAborts(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	s.AddFault(Fault{Kind: Reset})
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("the handler ended with %v, want http.ErrAbortHandler", err)
		}
	}()
	s.ServeHTTP(httptest.NewRecorder(), signedRequest(at.now(), `{}`, nil))
}
