package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func isAboutRequest(p clb.Problem) bool { return slices.Contains(aboutRequest, p) }

// Every problem of the table.
func TestProblems(t *testing.T) {
	spec := freshTask().Spec
	if len(problems) != len(allProblems) {
		t.Errorf("it has %d entries, the tests know %d problems", len(problems), len(allProblems))
	}
	for p, entry := range problems {
		t.Run(string(p), func(t *testing.T) {
			if !isProblem(p) {
				t.Error("the tests do not know it: it belongs into one of the lists of facts_test.go and refusal_test.go")
			}
			if entry.reason != string(p) {
				t.Errorf("its reason is %s", entry.reason)
			}
			if text := entry.ongoing(spec, &Failure{Problem: p, Code: "Some.Code"}); !isSentence(text) {
				t.Errorf("it says %q while polls go on", text)
			}
			if got := About(p) == AboutRequest; got != isAboutRequest(p) || got != (entry.final != nil) {
				t.Errorf("it is about the request: %v, may end a task: %v", got, entry.final != nil)
			}
			if entry.mayAppear && !isAboutRequest(p) {
				t.Error("it may end with time, but cannot end a task")
			}
			if entry.final == nil {
				return
			}
			for _, message := range []string{"", "as the API says", "It ends with a stop."} {
				err := &clb.Error{Problem: p, Code: "Some.Code", Message: message, RequestID: "call-1"}
				if text := endText(spec, err); !isSentence(text) || !strings.Contains(text, ". Code Some.Code (API request ID call-1).") {
					t.Errorf("its final text is %q", text)
				}
			}
		})
	}
}

func isSentence(text string) bool {
	return len(text) > 20 && strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "..") && !strings.Contains(text, "%!")
}

// The text of a repeated problem does not change.
func TestRepeatedProblem(t *testing.T) {
	skipStatistics(t)
	for p := range problems {
		t.Run(string(p), func(t *testing.T) {
			for sentence, see := range map[string]func(*life, Observation){"polled": (*life).poll, "others polled": (*life).around} {
				l := newLife()
				l.limit(365 * 24 * time.Hour)
				for i := range 1000 {
					see(l, Observation{Err: &clb.Error{
						Problem: p, Code: "Some.Code", Message: fmt.Sprint("attempt ", i),
						RequestID: fmt.Sprint("call-", i), Skew: time.Duration(i) * time.Minute, RetryAfter: time.Duration(i % 60),
					}})
					l.wait(time.Second)
					l.limit(time.Duration(i+1) * 24 * time.Hour)
				}
				want := []string{matrix.PendingWith(p)}
				switch {
				case isAboutRequest(p) && sentence == "polled":
					want = append(want, matrix.UnknownWith(p))
				case isAboutRequest(p):
					want = nil
				}
				texts := map[string]bool{}
				for _, status := range l.written {
					texts[status.Conditions[0].Message] = true
				}
				if got := slices.Compact(l.rows()); !slices.Equal(got, want) || len(texts) != len(want) {
					t.Errorf("%s: it reads %q, says %v", sentence, got, texts)
				}
			}
		})
	}
}

// The code of a text is one that lasts.
func TestLastingCode(t *testing.T) {
	code := func(name string) Observation {
		return Observation{Err: &clb.Error{Problem: clb.ProblemCredentialsRejected, Code: "AuthFailure." + name}}
	}
	l := newLife()
	l.pollFor(9*time.Second, time.Second, code("A"))
	l.pollFor(9*time.Second, time.Second, code("B"))
	l.pollFor(9*time.Second, time.Second, code("A"))
	l.pollFor(10*time.Second, time.Second, code("C"))
	var texts []string
	for _, status := range l.written {
		texts = append(texts, status.Conditions[0].Message)
	}
	if len(texts) != 2 || !strings.Contains(texts[0], "(AuthFailure.A)") || !strings.Contains(texts[1], "(AuthFailure.C)") {
		t.Errorf("it says %q, want the first code, then the one that lasts", texts)
	}
}

func TestTexts(t *testing.T) {
	spec := v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", ActiveDeadlineSeconds: 600}
	ongoing := func(f Failure) string { return problems[f.Problem].ongoing(spec, &f) }
	final := func(p clb.Problem, message string) string {
		return endText(spec, &clb.Error{Problem: p, Code: "C", Message: message, RequestID: "call-1"})
	}
	for sentence, test := range map[string]struct{ got, want string }{
		"a clock that is ahead":         {ongoing(Failure{Problem: clb.ProblemClockSkew, Skew: 7 * time.Minute}), "The operator's clock is some 7 minutes ahead of the CLB API's: synchronise the node's clock."},
		"a clock that is behind":        {ongoing(Failure{Problem: clb.ProblemClockSkew, Skew: -7*time.Minute - 40*time.Second}), "The operator's clock is some 8 minutes behind the CLB API's: synchronise the node's clock."},
		"a clock of an unknown skew":    {ongoing(Failure{Problem: clb.ProblemClockSkew}), "The CLB API finds the signature expired: synchronise the node's clock."},
		"no credentials":                {ongoing(failureOf(&clb.Error{Problem: clb.ProblemCredentialsMissing, Message: "create the Secret."})), "There are no credentials to poll with: create the Secret."},
		"a rejected key":                {ongoing(Failure{Problem: clb.ProblemCredentialsRejected, Code: "C"}), "The CLB API rejects the credentials (C): check the SecretId, the SecretKey and the token's lifetime."},
		"a rejected key of a source":    {ongoing(Failure{Problem: clb.ProblemCredentialsRejected, Code: "C", Source: "Secret s"}), "The CLB API rejects the credentials (C; source: Secret s): check the SecretId, the SecretKey and the token's lifetime."},
		"a refused role":                {ongoing(Failure{Problem: clb.ProblemCredentialsRejected, Code: "C", Action: "AssumeRole"}), "Tencent Cloud refuses AssumeRole (C), so there is no key to poll with: check the role, its trust policy and the key that assumes it."},
		"an untrusted certificate":      {ongoing(Failure{Problem: clb.ProblemCertificateUntrusted, Code: "C"}), "The certificate of the CLB endpoint is not trusted: check --clb-endpoint and --ca-file."},
		"an untrusted STS":              {ongoing(Failure{Problem: clb.ProblemCertificateUntrusted, Code: "C", Action: "AssumeRole"}), "There is no key to poll with, since the certificate of the endpoint of AssumeRole is not trusted: check --sts-endpoint and --ca-file."},
		"a failed task":                 {failedText(clb.TaskStatus{Message: "No room. Try again.", RequestID: "call-1"}), "The task failed: No room. Try again (API request ID call-1)."},
		"a task that failed mutely":     {failedText(clb.TaskStatus{}), "The task failed, and the cloud gave no reason."},
		"a value that speaks of region": {final(clb.ProblemInvalidRequest, "The region xx is wrong."), "The CLB API refuses the query as malformed: The region xx is wrong. Code C (API request ID call-1)."},
		"a value without a word":        {final(clb.ProblemInvalidRequest, ""), "The CLB API refuses the query as malformed: check requestId and region. Code C (API request ID call-1)."},
		"a load balancer that is gone":  {final(clb.ProblemLoadBalancerNotFound, "x"), "The load balancer of request ID r-1 in ap-guangzhou is gone, so the API cannot tell how the request ended. Code C (API request ID call-1)."},
		"an unknown request":            {final(clb.ProblemTaskNotFound, "x"), "The CLB API does not know request ID r-1 in ap-guangzhou: check them. Code C (API request ID call-1)."},
	} {
		if test.got != test.want {
			t.Errorf("%s: %q, want %q", sentence, test.got, test.want)
		}
	}
}

// A deal name is called one, and another product's API by its own name.
func TestTextsOfOthers(t *testing.T) {
	for p, entry := range problems {
		for sentence, test := range map[string]struct {
			spec  v1alpha1.CLBTaskSpec
			wrong []string
		}{
			"an order":        {v1alpha1.CLBTaskSpec{DealName: "d-1", Region: "ap-guangzhou"}, []string{"request ID", "requestId", "GWLB", "gwlb"}},
			"a request":       {v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", Product: v1alpha1.ProductCLB}, []string{"deal", "GWLB", "gwlb"}},
			"gwlb":            {v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", Product: v1alpha1.ProductGWLB}, []string{"deal", "The CLB", "the CLB", " clb:"}},
			"nothing is left": {v1alpha1.CLBTaskSpec{RequestID: "{region}", Region: "{request}", Product: v1alpha1.ProductGWLB}, []string{"{API}", "{code}", "{account}", "{field}", "{product}"}},
		} {
			texts := []string{entry.ongoing(test.spec, &Failure{Problem: p, Code: "C", Skew: time.Hour}), entry.ongoing(test.spec, &Failure{Problem: p, Code: "C"})}
			if entry.final != nil {
				texts = append(texts, endText(test.spec, &clb.Error{Problem: p, Code: "C"}), endText(test.spec, &clb.Error{Problem: p, Code: "C", Message: "M"}))
			}
			for _, text := range texts {
				for _, wrong := range test.wrong {
					if strings.Contains(text, wrong) {
						t.Errorf("%s, %s: %q has %q", p, sentence, text, wrong)
					}
				}
			}
		}
	}
	deal := v1alpha1.CLBTaskSpec{DealName: "d-1", Region: "ap-guangzhou"}
	gateway := v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", Product: v1alpha1.ProductGWLB}
	for got, want := range map[string]string{
		endText(deal, &clb.Error{Problem: clb.ProblemTaskNotFound, Code: "C", Account: "1/2"}):    "The CLB API does not know deal name d-1 in ap-guangzhou for the account of 1/2: check them. Code C.",
		endText(deal, &clb.Error{Problem: clb.ProblemInvalidRequest, Code: "C"}):                  "The CLB API refuses the query as malformed: check dealName and region. Code C.",
		endText(gateway, &clb.Error{Problem: clb.ProblemTaskNotFound, Code: "C"}):                 "The GWLB API does not know request ID r-1 in ap-guangzhou: check them. Code C.",
		problems[clb.ProblemAccessDenied].ongoing(gateway, &Failure{Code: "C", Source: "Secret"}): "The account may not call gwlb:DescribeTaskStatus (C; source: Secret): allow this action in CAM.",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What the cloud says fits the schema, however long and broken it is.
func TestSchemaLimits(t *testing.T) {
	for sentence, text := range map[string]string{
		"long":           strings.Repeat("x", 100_000),
		"long Chinese":   strings.Repeat("负载均衡", 5000),
		"not UTF-8":      strings.Repeat("\xff\xfe负", 50_000),
		"just too long":  strings.Repeat("载", v1alpha1.MaxMessageLength+1),
		"of just length": strings.Repeat("载", v1alpha1.MaxMessageLength),
		"empty":          "",
	} {
		t.Run(sentence, func(t *testing.T) {
			for _, o := range []Observation{
				{Status: clb.TaskStatus{State: clb.Failed, Message: text, RequestID: text, LoadBalancerIDs: slices.Repeat([]string{text, "lb-1"}, 1000)}},
				{Err: &clb.Error{Problem: clb.ProblemInvalidRequest, Code: "C", Message: text, RequestID: text}},
			} {
				l := newLife()
				l.pollFor(time.Minute, 15*time.Second, o)
				status := l.task.Status
				if !status.Phase.Final() {
					t.Fatalf("it reads %s", matrix.Row(status))
				}
				for limit, texts := range map[int][]string{
					v1alpha1.MaxMessageLength: {status.Message},
					v1alpha1.MaxIDLength:      append(status.LoadBalancerIDs, status.APIRequestID),
					32768:                     {l.text()}, // As the schema of conditions states it.
				} {
					for _, text := range texts {
						if n := utf8.RuneCountInString(text); n > limit || !utf8.ValidString(text) {
							t.Errorf("%d characters of at most %d, valid: %v", n, limit, utf8.ValidString(text))
						}
					}
				}
				if len(status.LoadBalancerIDs) > v1alpha1.MaxLoadBalancerIDs {
					t.Errorf("%d load balancers", len(status.LoadBalancerIDs))
				}
				if fits := utf8.RuneCountInString(text) <= v1alpha1.MaxMessageLength && utf8.ValidString(text); fits != (status.Message == text) {
					t.Error("what fits is shortened, or what does not is kept")
				}
			}
		})
	}
}
