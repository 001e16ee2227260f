package clbsim

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

const unknown = -1 // For what tests expect of a task that is not known.

func statusOf(t *testing.T, r reply) int {
	t.Helper()
	switch {
	case r.code() == "InvalidParameter":
		return unknown
	case r.code() != "":
		t.Fatalf("answered %+v", r.Response.Error)
	case r.Response.Status == nil:
		t.Fatal("answered no status")
	}
	return *r.Response.Status
}

type moment struct {
	at     time.Duration
	status int
}

var lives = map[string]struct {
	config Config
	task   Task
	life   []moment
	end    time.Duration // After testTime; 0 is none.
}{
	"it is in progress until its end, then succeeded": {
		task: Task{Duration: 4 * time.Second},
		life: []moment{{0, 2}, {4*time.Second - 1, 2}, {4 * time.Second, 0}, {time.Hour, 0}},
		end:  4 * time.Second,
	},
	"it is in progress until its end, then failed": {
		task: Task{Duration: 4 * time.Second, Outcome: Failed},
		life: []moment{{0, 2}, {4*time.Second - 1, 2}, {4 * time.Second, 1}, {time.Hour, 1}},
		end:  4 * time.Second,
	},
	"it never ends when it is stuck": {
		task: Task{Duration: 4 * time.Second, Outcome: Stuck},
		life: []moment{{0, 2}, {24 * time.Hour, 2}},
	},
	"it waits for its start first": {
		task: Task{StartDelay: 3 * time.Second, Duration: 4 * time.Second},
		life: []moment{{5 * time.Second, 2}, {7 * time.Second, 0}},
		end:  7 * time.Second,
	},
	"it is unknown until it is visible": {
		task: Task{VisibleAfter: 2 * time.Second, Duration: 4 * time.Second},
		life: []moment{{0, unknown}, {2*time.Second - 1, unknown}, {2 * time.Second, 2}, {4 * time.Second, 0}},
		end:  4 * time.Second,
	},
	"it may have ended long before it is added": {
		task: Task{Created: testTime.Add(-time.Hour), Duration: 30 * time.Minute},
		life: []moment{{0, 0}},
		end:  -30 * time.Minute,
	},
	"its clock may begin when it is first asked for": {
		task: Task{FromFirstAsk: true, Duration: 4 * time.Second},
		life: []moment{{time.Hour, 2}, {time.Hour + 4*time.Second, 0}},
		end:  time.Hour + 4*time.Second,
	},
	"all clocks may begin when they are first asked for": {
		config: Config{ClockFromFirstAsk: true},
		task:   Task{Duration: 4 * time.Second, VisibleAfter: time.Second},
		life:   []moment{{time.Hour, unknown}, {time.Hour + time.Second, 2}, {time.Hour + 4*time.Second, 0}},
		end:    time.Hour + 4*time.Second,
	},
}

func TestTheLifeOfATask(t *testing.T) {
	t.Parallel()
	for sentence, test := range lives {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(test.config)
			test.task.ID = "t"
			s.AddTask(test.task)
			for _, m := range test.life {
				at.advance(testTime.Add(m.at).Sub(at.now()))
				if got := statusOf(t, ask(t, s, "t")); got != m.status {
					t.Errorf("after %v its status is %d, want %d", m.at, got, m.status)
				}
			}
			task, ok := s.Task("t")
			var want time.Time
			if test.end != 0 {
				want = testTime.Add(test.end)
			}
			if !ok || !task.End().Equal(want) {
				t.Errorf("it ends at %v, want %v", task.End(), want)
			}
		})
	}
}

func TestWhatATaskTells(t *testing.T) {
	t.Parallel()
	ids := []string{"lb-1", "lb-2"}
	tests := map[string]struct {
		task    Task
		ids     []string
		message string // "" is null.
	}{
		"a success tells its load balancers":    {task: Task{LoadBalancerIDs: ids}, ids: ids},
		"a success may tell a message":          {task: Task{Message: "done"}, message: "done"},
		"a failure tells its reason":            {task: Task{Outcome: Failed, Message: "no quota"}, message: "no quota"},
		"a failure may tell no reason":          {task: Task{Outcome: Failed}},
		"a failure tells no load balancers":     {task: Task{Outcome: Failed, LoadBalancerIDs: ids}},
		"a task in progress tells nothing":      {task: Task{Duration: time.Second, LoadBalancerIDs: ids, Message: "m"}},
		"a task that is stuck tells nothing":    {task: Task{Outcome: Stuck, LoadBalancerIDs: ids, Message: "m"}},
		"a task without anything tells nothing": {},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, _ := newTestSimulator(Config{})
			test.task.ID = "t"
			s.AddTask(test.task)
			got := ask(t, s, "t").Response
			if !slices.Equal(got.LoadBalancerIDs, test.ids) || (got.LoadBalancerIDs == nil) != (test.ids == nil) {
				t.Errorf("LoadBalancerIds is %v, want %v", got.LoadBalancerIDs, test.ids)
			}
			if (got.Message == nil) != (test.message == "") || got.Message != nil && *got.Message != test.message {
				t.Errorf("Message is %v, want %q", got.Message, test.message)
			}
		})
	}
}

func TestWhoKnowsATask(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		task   Task
		body   string
		region string
		known  bool
	}{
		"every region knows a task without one":   {region: "ap-beijing", known: true},
		"its region knows a task":                 {task: Task{Region: "ap-beijing"}, region: "ap-beijing", known: true},
		"another region does not":                 {task: Task{Region: "ap-beijing"}, region: "ap-shanghai"},
		"its account knows a task":                {task: Task{Account: testCredential.SecretID}, region: "ap-beijing", known: true},
		"another account does not":                {task: Task{Account: "100001"}, region: "ap-beijing"},
		"a deal name finds its task":              {task: Task{DealName: "d"}, body: `{"DealName":"d"}`, region: "ap-beijing", known: true},
		"a deal name is no task ID":               {task: Task{DealName: "d"}, body: `{"TaskId":"d"}`, region: "ap-beijing"},
		"a task ID goes before a deal name":       {task: Task{DealName: "d"}, body: `{"TaskId":"x","DealName":"d"}`, region: "ap-beijing"},
		"a task without a deal name has not even": {body: `{"DealName":"d"}`, region: "ap-beijing"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(Config{})
			test.task.ID = "t"
			s.AddTask(test.task)
			if test.body == "" {
				test.body = `{"TaskId":"t"}`
			}
			answer, _ := serve(t, s, signedRequest(at.now(), test.body, header("X-TC-Region", test.region)))
			if known := statusOf(t, answer) != unknown; known != test.known {
				t.Errorf("known: %v, want %v", known, test.known)
			}
		})
	}
}

func TestUnknownTaskNamesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	if got := ask(t, s, "55c85074").Response.Error.Message; got != "The task 55c85074 does not exist." {
		t.Errorf("task: %q", got)
	}
	answer, _ := serve(t, s, signedRequest(at.now(), `{"DealName":"d1"}`, nil))
	if got := answer.Response.Error.Message; got != "The task d1 does not exist." {
		t.Errorf("deal: %q", got)
	}
}

func TestTasksComeAndGo(t *testing.T) {
	t.Parallel()
	s, _ := newTestSimulator(Config{})
	ids := []string{"lb-1"}
	added := s.AddTask(Task{LoadBalancerIDs: ids, DealName: "d"})
	if !uuidV4.MatchString(added.ID) || !added.Created.Equal(testTime) {
		t.Errorf("added as %+v", added)
	}
	ids[0], added.LoadBalancerIDs[0] = "changed", "changed"
	if stored, _ := s.Task(added.ID); stored.LoadBalancerIDs[0] != "lb-1" {
		t.Error("the caller's slice is the stored one")
	}

	// A task of the same deal takes it over, and keeps it when the former goes.
	s.AddTasks([]Task{{ID: "b", DealName: "d", Outcome: Failed}, {ID: "a"}})
	if !s.RemoveTask(added.ID) || s.RemoveTask(added.ID) {
		t.Error("a task must be there once and gone then")
	}
	answer, _ := serve(t, s, signedRequest(s.now(), `{"DealName":"d"}`, nil))
	if got := statusOf(t, answer); got != statusFailed {
		t.Errorf("the deal is of the status %d", got)
	}

	// A task of the same ID replaces the former, deal and all.
	s.AddTask(Task{ID: "b"})
	answer, _ = serve(t, s, signedRequest(s.now(), `{"DealName":"d"}`, nil))
	if got := statusOf(t, answer); got != unknown {
		t.Errorf("the deal of a task replaced is of the status %d", got)
	}
	var got []string
	for _, task := range s.Tasks() {
		got = append(got, task.ID)
	}
	if !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("the tasks are %v", got)
	}
	if _, ok := s.Task(added.ID); ok {
		t.Error("a removed task is still there")
	}
}

func TestNamesOfEnumerations(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]fmt.Stringer{
		"Succeeded": Succeeded, "Failed": Failed, "Stuck": Stuck, "9": Outcome(9), "-1": Outcome(-1),
		"sliding": Sliding, "fixed": Fixed, "2": Window(2),
	} {
		if got := value.String(); got != want {
			t.Errorf("%#v is written %q, want %q", value, got, want)
		}
	}
	var window Window
	if err := window.UnmarshalText([]byte("fixed")); err != nil || window != Fixed {
		t.Errorf("fixed is read as %v, %v", window, err)
	}
	if err := window.UnmarshalText([]byte("Fixed")); err == nil {
		t.Error("Fixed is read without error")
	}
	var outcome Outcome
	if err := outcome.UnmarshalText([]byte("Stuck")); err != nil || outcome != Stuck {
		t.Errorf("Stuck is read as %v, %v", outcome, err)
	}
	if text, err := Failed.MarshalText(); err != nil || string(text) != "Failed" {
		t.Errorf("Failed is marshalled as %q, %v", text, err)
	}
	if text, err := Fixed.MarshalText(); err != nil || string(text) != "fixed" {
		t.Errorf("Fixed is marshalled as %q, %v", text, err)
	}
	if _, err := Outcome(9).MarshalText(); err == nil {
		t.Error("an outcome that there is not is marshalled")
	}
}
