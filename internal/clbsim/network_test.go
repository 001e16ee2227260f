package clbsim

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeOnTheNetwork(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config  Config
		faults  []Fault
		giveUp  time.Duration // 0 is never.
		took    time.Duration // The whole, of a clock that does nothing else.
		arrived time.Duration
		silent  bool
	}{
		"nothing takes no time": {},
		"a round trip is half there and half back": {
			config: Config{RoundTrip: 20 * time.Millisecond}, took: 20 * time.Millisecond, arrived: 10 * time.Millisecond},
		"latency is added before the way back": {
			config: Config{RoundTrip: 20 * time.Millisecond}, faults: []Fault{{Kind: Latency, Delay: time.Second}},
			took: 1020 * time.Millisecond, arrived: 10 * time.Millisecond},
		"latencies add up": {
			faults: []Fault{{Kind: Latency, Delay: time.Second}, {Kind: Latency, Delay: time.Minute}}, took: 61 * time.Second},
		"latency comes before another fault": {
			faults: []Fault{{Kind: HTTPStatus, StatusCode: 502}, {Kind: Latency, Delay: time.Second}}, took: time.Second},
		"a call that hangs takes as long as the client likes": {
			faults: []Fault{{Kind: Hang}}, giveUp: 7 * time.Second, took: 7 * time.Second, silent: true},
		"a client may give up during latency": {
			faults: []Fault{{Kind: Latency, Delay: time.Hour}}, giveUp: time.Second, took: time.Second, silent: true},
		"a request given up on its way has arrived then": {
			config: Config{RoundTrip: time.Minute}, giveUp: time.Second, took: time.Second, arrived: time.Second, silent: true},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test.config.Credentials = []Credential{testCredential}
				s := New(test.config)
				s.AddTask(Task{ID: "t"})
				for _, f := range test.faults {
					s.AddFault(f)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if test.giveUp > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), test.giveUp)
				}
				defer cancel()

				begin := time.Now()
				w := httptest.NewRecorder()
				s.ServeHTTP(w, signedRequest(begin, `{"TaskId":"t"}`, nil).WithContext(ctx))
				if took := time.Since(begin); took != test.took {
					t.Errorf("it took %v, want %v", took, test.took)
				}
				if arrived := s.Calls()[0].At.Sub(begin); arrived != test.arrived {
					t.Errorf("it arrived after %v, want %v", arrived, test.arrived)
				}
				if silent := w.Body.Len() == 0; silent != test.silent {
					t.Errorf("the answer is %q", w.Body)
				}
			})
		})
	}
}

func TestJitterIsAtMostWhatItSays(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{})
	s.AddFault(Fault{Kind: Latency, Delay: time.Second, Jitter: time.Second})
	different := map[time.Duration]bool{}
	for range 100 {
		held, _ := s.faults.latency(&Call{}, at.now())
		if held < time.Second || held >= 2*time.Second {
			t.Fatalf("held back by %v", held)
		}
		different[held] = true
	}
	if len(different) < 90 {
		t.Errorf("only %d of 100 waits are different", len(different))
	}
}
