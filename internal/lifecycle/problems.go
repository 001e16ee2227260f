package lifecycle

import (
	"fmt"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// Subject is what a problem is about. Its backoff lives there, and so do the objects
// that report it.
type Subject int

// The subjects.
const (
	AboutRequest  Subject = iota // One request: the objects that name it.
	AboutEndpoint                // A region at its host: the objects of both.
	AboutAccount                 // The signer of the polls: all objects of that account at that host.
	AboutQuota                   // The account's quota at a host: the same objects.
)

// String returns the subject as metrics name it.
func (s Subject) String() string {
	return [...]string{AboutRequest: "request", AboutEndpoint: "endpoint", AboutAccount: "account", AboutQuota: "quota"}[s]
}

// Failure is what a poll failed with, as far as conditions name it.
type Failure struct {
	Problem clb.Problem
	Code    string
	Action  string        // The call that failed, if it is not DescribeTaskStatus.
	Detail  string        // What to do, as the source of the credentials says; for clb.ProblemCredentialsMissing.
	Account string        // The account that polled; for clb.ProblemTaskNotFound.
	Source  string        // Where the credential comes from; for problems of the account.
	Skew    time.Duration // For clb.ProblemClockSkew.
}

func failureOf(err *clb.Error) Failure {
	f := Failure{Problem: err.Problem, Code: err.Code, Action: err.Action, Skew: err.Skew}
	if err.Problem == clb.ProblemCredentialsMissing {
		f.Detail = err.Message // Ours, and the same each time.
	}
	if err.Problem == clb.ProblemTaskNotFound {
		f.Account = err.Account // The wrong account is what is wrong most often.
	}
	if About(err.Problem) == AboutAccount || err.Action != "" {
		f.Source = err.Source
	}
	return f
}

// code returns the code, and which credential is concerned.
func (f Failure) code() string {
	if f.Source == "" {
		return f.Code
	}
	return f.Code + "; source: " + f.Source
}

// sameText reports whether two failures of one problem read the same. A skew is measured
// again each time; the first figure is good enough.
func (f Failure) sameText(other Failure) bool {
	f.Skew, other.Skew = 0, 0
	return f == other
}

// problem is what is known of a clb.Problem.
type problem struct {
	reason string
	about  Subject
	// needsIntervention says that it does not go away by itself.
	needsIntervention bool
	// mayAppear says that a request that is new may still become known.
	mayAppear bool
	// ongoing says what is wrong and what to do while polls go on. It repeats with
	// every failed poll, so it holds nothing that differs from one to the next: no
	// time, no count, no request ID of a call, no text of the API's.
	ongoing func(v1alpha1.CLBTaskSpec, *Failure) string
	// final says why a task ended without a verdict; nil for a problem that ends none.
	// The code and the call are added to it.
	final func(v1alpha1.CLBTaskSpec, *clb.Error) string
}

// problems is all that the operator knows of problems: a new one is one entry.
var problems = map[clb.Problem]problem{
	clb.ProblemThrottled: {
		reason: v1alpha1.ReasonThrottled, about: AboutQuota,
		ongoing: text("The account's API quota is used up by other programs; polling goes on as the quota allows."),
	},
	clb.ProblemAPIUnavailable: {
		reason: v1alpha1.ReasonAPIUnavailable, about: AboutEndpoint,
		ongoing: orAction(text("The {API} API answers with errors of its own; polling goes on.")),
	},
	clb.ProblemQueryRefused: {
		reason: v1alpha1.ReasonQueryRefused, about: AboutEndpoint,
		ongoing: text("The {API} API refuses to tell the status ({code}); polling goes on."),
	},
	clb.ProblemAPIUnreachable: {
		reason: v1alpha1.ReasonAPIUnreachable, about: AboutEndpoint,
		ongoing: orAction(text("No usable answer comes from the {API} API; polling goes on. If this lasts, check the operator's network and proxy.")),
	},
	clb.ProblemUnexpectedAnswer: {
		reason: v1alpha1.ReasonUnexpectedAnswer, about: AboutEndpoint,
		ongoing: text("The {API} API answers without a known task status; polling goes on."),
	},
	clb.ProblemCertificateUntrusted: {
		reason: v1alpha1.ReasonCertificateUntrusted, about: AboutEndpoint, needsIntervention: true,
		ongoing: func(spec v1alpha1.CLBTaskSpec, f *Failure) string {
			if f.Action != "" {
				return fmt.Sprintf("There is no key to poll with, since the certificate of the endpoint of %s is not trusted: check --sts-endpoint and --ca-file.", f.Action)
			}
			return say("The certificate of the {API} endpoint is not trusted: check --clb-endpoint and --ca-file.", spec)
		},
	},
	clb.ProblemEndpointRefused: {
		reason: v1alpha1.ReasonEndpointRefused, about: AboutEndpoint, needsIntervention: true,
		ongoing: text("The endpoint refuses DescribeTaskStatus in {region} ({code}): check --clb-endpoint and --clb-root-domain."),
	},
	clb.ProblemCredentialsMissing: {
		reason: v1alpha1.ReasonCredentialsMissing, about: AboutAccount, needsIntervention: true,
		ongoing: func(_ v1alpha1.CLBTaskSpec, f *Failure) string {
			return truncate("There are no credentials to poll with: "+trimStop(f.Detail), v1alpha1.MaxMessageLength) + "."
		},
	},
	clb.ProblemCredentialsRejected: {
		reason: v1alpha1.ReasonCredentialsRejected, about: AboutAccount, needsIntervention: true,
		ongoing: func(spec v1alpha1.CLBTaskSpec, f *Failure) string {
			if f.Action != "" {
				return fmt.Sprintf("Tencent Cloud refuses %s (%s), so there is no key to poll with: check the role, its trust policy and the key that assumes it.", f.Action, f.code())
			}
			return say("The {API} API rejects the credentials ({code}): check the SecretId, the SecretKey and the token's lifetime.", spec, "{code}", f.code())
		},
	},
	clb.ProblemClockSkew: {
		reason: v1alpha1.ReasonClockSkew, about: AboutAccount, needsIntervention: true,
		ongoing: func(spec v1alpha1.CLBTaskSpec, f *Failure) string { return say(skewText(f.Skew), spec) },
	},
	clb.ProblemAccessDenied: {
		reason: v1alpha1.ReasonAccessDenied, about: AboutAccount, needsIntervention: true,
		ongoing: text("The account may not call {product}:DescribeTaskStatus ({code}): allow this action in CAM."),
	},
	clb.ProblemTaskNotFound: {
		reason: v1alpha1.ReasonTaskNotFound, about: AboutRequest, mayAppear: true,
		ongoing: func(spec v1alpha1.CLBTaskSpec, f *Failure) string {
			return say("The {API} API does not know {request} in {region}{account} yet; polling goes on.", spec, "{account}", forAccount(f.Account))
		},
		final: func(spec v1alpha1.CLBTaskSpec, err *clb.Error) string {
			return say("The {API} API does not know {request} in {region}{account}: check them", spec, "{account}", forAccount(err.Account))
		},
	},
	clb.ProblemLoadBalancerNotFound: {
		reason: v1alpha1.ReasonLoadBalancerNotFound, about: AboutRequest, mayAppear: true,
		ongoing: text("The load balancer of {request} in {region} is not there; polling goes on."),
		final:   finalText("The load balancer of {request} in {region} is gone, so the API cannot tell how the request ended"),
	},
	clb.ProblemInvalidRegion: {
		reason: v1alpha1.ReasonInvalidRegion, about: AboutRequest, needsIntervention: true,
		ongoing: text("The {API} API does not serve {request} in region {region}: check the region."),
		final:   finalText("The {API} API does not serve {request} in region {region}: check the region"),
	},
	clb.ProblemInvalidRequest: {
		reason: v1alpha1.ReasonInvalidRequest, about: AboutRequest, needsIntervention: true,
		ongoing: text("The {API} API refuses the query as malformed ({code}): check {field} and region."),
		final: func(spec v1alpha1.CLBTaskSpec, err *clb.Error) string {
			if err.Message == "" {
				return say("The {API} API refuses the query as malformed: check {field} and region", spec)
			}
			// The API's own words name the parameter.
			return say("The {API} API refuses the query as malformed: ", spec) + trimStop(truncate(err.Message, v1alpha1.MaxMessageLength))
		},
	},
}

// About returns what a problem is about.
func About(p clb.Problem) Subject { return problems[p].about }

// NeedsIntervention reports whether a problem does not go away by itself.
func NeedsIntervention(p clb.Problem) bool { return problems[p].needsIntervention }

func mayAppear(p clb.Problem) bool { return problems[p].mayAppear }

// endText says why a task ended without a verdict. It is written once, so it names
// the code and the call.
func endText(spec v1alpha1.CLBTaskSpec, err *clb.Error) string {
	return fmt.Sprintf("%s. Code %s%s.", problems[err.Problem].final(spec, err), err.Code, ofCall(err.RequestID))
}

func forAccount(account string) string {
	if account == "" {
		return ""
	}
	return " for the account of " + account
}

func text(sentence string) func(v1alpha1.CLBTaskSpec, *Failure) string {
	return func(spec v1alpha1.CLBTaskSpec, f *Failure) string { return say(sentence, spec, "{code}", f.code()) }
}

func finalText(sentence string) func(v1alpha1.CLBTaskSpec, *clb.Error) string {
	return func(spec v1alpha1.CLBTaskSpec, _ *clb.Error) string { return say(sentence, spec) }
}

// orAction is a text for failures of DescribeTaskStatus. Those of another call brought no
// key to poll with.
func orAction(ongoing func(v1alpha1.CLBTaskSpec, *Failure) string) func(v1alpha1.CLBTaskSpec, *Failure) string {
	return func(spec v1alpha1.CLBTaskSpec, f *Failure) string {
		if f.Action == "" {
			return ongoing(spec, f)
		}
		return fmt.Sprintf("There is no key to poll with, since %s brings no usable answer (%s); it is tried again.", f.Action, f.code())
	}
}

func skewText(skew time.Duration) string {
	const remedy = "synchronise the node's clock"
	switch minutes := int(skew.Abs().Round(time.Minute).Minutes()); {
	case minutes == 0:
		return "The {API} API finds the signature expired: " + remedy + "."
	case skew > 0:
		return fmt.Sprintf("The operator's clock is some %d minutes ahead of the {API} API's: %s.", minutes, remedy)
	default:
		return fmt.Sprintf("The operator's clock is some %d minutes behind the {API} API's: %s.", minutes, remedy)
	}
}
