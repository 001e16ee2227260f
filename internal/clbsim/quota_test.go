package clbsim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestQuota(t *testing.T) {
	t.Parallel()
	// Each step lets time pass and then asks that often; the first of the
	// calls pass, the rest are throttled.
	type step struct {
		after  time.Duration
		calls  int
		passes int
	}
	tests := map[string]struct {
		config     Config
		background int
		steps      []step
		peak       int
	}{
		"20 pass, and the 21st is throttled": {
			steps: []step{{calls: 21, passes: 20}}, peak: 21},
		"after a second the window passes again": {
			steps: []step{{calls: 25, passes: 20}, {after: time.Second, calls: 21, passes: 20}}, peak: 25},
		"a moment before a second it does not": {
			steps: []step{{calls: 20, passes: 20}, {after: time.Second - 1, calls: 1}}, peak: 21},
		"refused calls do not prolong the wait": {
			steps: []step{{calls: 20, passes: 20}, {after: 900 * time.Millisecond, calls: 50}, {after: 100 * time.Millisecond, calls: 20, passes: 20}}, peak: 70},
		"a sliding window sees across the clock's seconds": {
			steps: []step{{after: 900 * time.Millisecond, calls: 20, passes: 20}, {after: 200 * time.Millisecond, calls: 20}}, peak: 40},
		"a fixed window begins anew with the clock's second": {
			config: Config{Window: Fixed},
			steps:  []step{{after: 900 * time.Millisecond, calls: 21, passes: 20}, {after: 200 * time.Millisecond, calls: 21, passes: 20}}, peak: 42},
		"the quota can be chosen": {
			config: Config{RequestsPerSecond: 3}, steps: []step{{calls: 4, passes: 3}}, peak: 4},
		"a background of 15 leaves 5": {
			background: 15, steps: []step{{after: 10 * time.Second, calls: 10, passes: 5}}, peak: 10},
		"a background of 15 leaves 5 of a fixed window": {
			config: Config{Window: Fixed}, background: 15, steps: []step{{after: 10*time.Second - 1, calls: 10, passes: 5}}, peak: 10},
		"a background beyond the quota leaves nothing": {
			background: 40, steps: []step{{after: 10 * time.Second, calls: 10}}, peak: 10},
		"a background catches up after an hour": {
			background: 10, steps: []step{{calls: 20, passes: 20}, {after: time.Hour + 50*time.Millisecond, calls: 20, passes: 10}}, peak: 20},
		"a background comes slowly into its share": {
			background: 10, steps: []step{{after: 500 * time.Millisecond, calls: 20, passes: 15}}, peak: 20},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(test.config)
			s.AddTask(Task{ID: "t"})
			s.SetBackground(testCredential.SecretID, test.background)
			calls, throttled := 0, 0
			for i, step := range test.steps {
				at.advance(step.after)
				for n := range step.calls {
					want := ""
					if n >= step.passes {
						want = "RequestLimitExceeded"
						throttled++
					}
					calls++
					if got := ask(t, s, "t").code(); got != want {
						t.Fatalf("call %d of step %d: answered %q, want %q", n+1, i+1, got, want)
					}
				}
			}
			want := AccountStats{Arrivals: calls, Throttled: throttled, Peak: test.peak}
			if got := s.Stats(); got.Calls != calls || got.Accounts[testCredential.SecretID] != want {
				t.Errorf("the stats are %+v, want %+v", got, want)
			}
		})
	}
}

func TestThrottlingSaysWhatTheRealGatewaySays(t *testing.T) {
	t.Parallel()
	for _, window := range []Window{Sliding, Fixed} {
		s, _ := newTestSimulator(Config{Window: window})
		for n := range 23 {
			answer := ask(t, s, "t")
			if n < 20 {
				continue
			}
			want := fmt.Sprintf("Your current request times equals to `%d` in a second, which exceeds the frequency limit `20` for a second."+
				" Please reduce the frequency of calls.", n+1)
			if got := answer.Response.Error.Message; got != want {
				t.Errorf("%v: %q, want %q", window, got, want)
			}
		}
		calls := s.Calls()
		if calls[19].Throttled || !calls[20].Throttled {
			t.Errorf("%v: the log does not tell which calls were throttled", window)
		}
	}
}

func TestWhoSharesAQuota(t *testing.T) {
	t.Parallel()
	other := Credential{SecretID: "AKIDother", SecretKey: testCredential.SecretKey}
	hosts := map[string][]string{"clb.tencentcloudapi.com": nil, "clb.ap-guangzhou.tencentcloudapi.com": nil}
	tests := map[string]struct {
		account string // Of both credentials.
		hosts   map[string][]string
		host    string
		as      string
		want    string
	}{
		"credentials have a quota each":        {as: other.SecretID},
		"credentials of an account share it":   {account: "100001", as: other.SecretID, want: "RequestLimitExceeded"},
		"all hosts are one gateway by default": {host: "clb.example.com", as: testCredential.SecretID, want: "RequestLimitExceeded"},
		"configured hosts are gateways of their own": {hosts: hosts, host: "clb.ap-guangzhou.tencentcloudapi.com",
			as: testCredential.SecretID},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			s, at := newTestSimulator(Config{RequestsPerSecond: 1, Hosts: test.hosts})
			s.AddTask(Task{ID: "t"})
			for _, c := range []Credential{testCredential, other} {
				c.Account = test.account
				s.SetCredential(c)
			}
			if got := ask(t, s, "t").code(); got != "" {
				t.Fatalf("the first call is answered %q", got)
			}

			r := signedRequest(at.now(), `{"TaskId":"t"}`, func(r *http.Request) {
				if test.host != "" {
					r.Host = test.host
				}
			})
			// The secret ID is not part of what is signed.
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), testCredential.SecretID, test.as, 1))
			if answer, _ := serve(t, s, r); answer.code() != test.want {
				t.Errorf("the second call is answered %q, want %q", answer.code(), test.want)
			}
		})
	}
}

func TestUnverifiedCallsAreNotCounted(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{RequestsPerSecond: 1})
	s.AddTask(Task{ID: "t"})
	for range 3 {
		r := signedRequest(at.now(), `{"TaskId":"t"}`, nil)
		r.Host = "clb.example.com"
		serve(t, s, r)
	}
	if got := ask(t, s, "t").code(); got != "" {
		t.Errorf("answered %q", got)
	}
	if got := s.Stats(); got.Calls != 4 || got.Accounts[testCredential.SecretID].Arrivals != 1 {
		t.Errorf("the stats are %+v", got)
	}
}

func TestBackgroundEnds(t *testing.T) {
	t.Parallel()
	s, at := newTestSimulator(Config{RequestsPerSecond: 10})
	s.AddTask(Task{ID: "t"})
	ask(t, s, "t")
	s.SetBackground(testCredential.SecretID, 10)
	at.advance(3 * time.Second)
	s.SetBackground(testCredential.SecretID, 0)
	if got := ask(t, s, "t").code(); got != "RequestLimitExceeded" {
		t.Errorf("what has arrived is forgotten: answered %q", got)
	}
	at.advance(time.Second)
	if got := ask(t, s, "t").code(); got != "" {
		t.Errorf("a second after the end: answered %q", got)
	}
}

// TestSlidingWindowNeverPassesMore compares the window with its definition,
// for arrivals at random.
func TestSlidingWindowNeverPassesMore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		at := newClock()
		q := newQuota(1+random.IntN(20), Sliding, at.now)
		q.setBackground("a", random.IntN(30))
		var passed []time.Time
		for range 2000 {
			at.advance(time.Duration(random.Int64N(int64(80 * time.Millisecond))))
			ok, _ := q.arrive(bucketKey{account: "a"})
			if ok {
				passed = append(passed, at.now())
			}
			last := 0
			for i := len(passed) - 1; i >= 0 && at.now().Sub(passed[i]) < time.Second; i-- {
				last++
			}
			if last > q.perSecond {
				t.Fatalf("seed %d: %d passed within a second, the quota is %d", seed, last, q.perSecond)
			}
			if !ok && last < q.perSecond && q.background["a"].every == 0 {
				t.Fatalf("seed %d: refused with %d of %d", seed, last, q.perSecond)
			}
		}
	}
}
