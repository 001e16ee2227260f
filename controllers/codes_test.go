package controllers_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// ongoingCodes are the codes of the API by the reason that they read as, while polls go
// on. The endpoint of the tests is the operator's choice, so a region that it does not
// serve is not at fault.
var ongoingCodes = map[string]string{
	v1alpha1.ReasonThrottled: `RequestLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded
		RequestLimitExceeded.IPLimitExceeded FailedOperation.RateLimitExceeded`,
	v1alpha1.ReasonAPIUnavailable: `InternalError InternalError.New ServiceUnavailable ResourceUnavailable ResourceInUse ResourceInsufficient
		ResponseSizeLimitExceeded FailedOperation.New New.Code`,
	v1alpha1.ReasonQueryRefused:   "FailedOperation",
	v1alpha1.ReasonAPIUnreachable: "ClientError",
	v1alpha1.ReasonEndpointRefused: `UnknownParameter InvalidAction NoSuchProduct NoSuchVersion ActionOffline UnsupportedOperation UnsupportedProtocol
		InvalidRequest UnsupportedRegion InvalidParameter.RegionNotFound`,
	v1alpha1.ReasonCredentialsRejected: `AuthFailure AuthFailure.SecretIdNotFound AuthFailure.SignatureFailure AuthFailure.TokenFailure
		ClientError.CredentialError`,
	v1alpha1.ReasonClockSkew: "AuthFailure.SignatureExpire",
	v1alpha1.ReasonAccessDenied: `AuthFailure.UnauthorizedOperation UnauthorizedOperation OperationDenied IpInBlacklist IpNotInWhitelist
		LimitExceeded`,
}

// finalCodes are those that end a task, since they speak of its request.
var finalCodes = map[string]string{
	v1alpha1.ReasonTaskNotFound:         "InvalidParameter InvalidParameter.New ResourceNotFound",
	v1alpha1.ReasonLoadBalancerNotFound: "InvalidParameter.LBIdNotFound",
	v1alpha1.ReasonInvalidRequest:       "InvalidParameter.FormatError InvalidParameterValue InvalidParameterValue.New MissingParameter RequestSizeLimitExceeded",
}

// brokenAnswers are failures without a code of the API.
var brokenAnswers = map[string]struct {
	reason string
	fault  clbsim.Fault
}{
	"no answer":         {v1alpha1.ReasonAPIUnreachable, clbsim.Fault{Kind: clbsim.Hang}},
	"a reset":           {v1alpha1.ReasonAPIUnreachable, clbsim.Fault{Kind: clbsim.Reset}},
	"a bad gateway":     {v1alpha1.ReasonAPIUnreachable, clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: http.StatusBadGateway}},
	"a gateway's limit": {v1alpha1.ReasonThrottled, clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: http.StatusTooManyRequests}},
	"no status":         {v1alpha1.ReasonUnexpectedAnswer, clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: `{"Response":{"RequestId":"r"}}`}},
	"another status":    {v1alpha1.ReasonUnexpectedAnswer, clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: `{"Response":{"Status":7,"RequestId":"r"}}`}},
}

// TestCodes lets the API refuse every poll with each of its codes, from the wire to the
// conditions and back.
func TestCodes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	each := func(byReason map[string]string, test func(a *account, reason string, fault clbsim.Fault)) {
		for reason, codes := range byReason {
			for code := range strings.FieldsSeq(codes) {
				seen[code] = true
				t.Run(code+" reads as "+reason, func(t *testing.T) {
					t.Parallel()
					withAccount(t, func(a *account) {
						test(a, reason, clbsim.Fault{Kind: clbsim.ErrorCode, Code: code, Message: "as the API says"})
					})
				})
			}
		}
	}
	each(ongoingCodes, (*account).endure)
	each(finalCodes, (*account).end)
	for sentence, test := range brokenAnswers {
		t.Run(sentence+" reads as "+test.reason, func(t *testing.T) {
			t.Parallel()
			withAccount(t, func(a *account) { a.endure(test.reason, test.fault) })
		})
	}
	for code := range strings.FieldsSeq("UnsupportedRegion InvalidParameter.RegionNotFound") {
		t.Run(code+" at Tencent Cloud's own host reads as InvalidRegion", func(t *testing.T) {
			t.Parallel()
			withAccount(t, func(a *account) {
				a.write(map[string]string{"ca.pem": string(a.network.Authority)})
				a.endpoints.Overrides, a.endpoints.CAFile = nil, filepath.Join(a.directory, "ca.pem")
				a.end(v1alpha1.ReasonInvalidRegion, clbsim.Fault{Kind: clbsim.ErrorCode, Code: code})
			})
		})
	}
	source, err := os.ReadFile("../internal/clb/codes.go")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`(?m)^\t"([A-Za-z.]+)": +\{problem:`).FindAllSubmatch(source, -1)
	for _, code := range known {
		if !seen[string(code[1])] {
			t.Errorf("%s is not tested", code[1])
		}
	}
	if len(known) < 30 {
		t.Errorf("only %d codes are found", len(known))
	}
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	withAccount(t, func(a *account) {
		a.write(a.add("AKID0"))
		trusted := a.endpoints.Dial
		a.endpoints.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
		}
		stop := a.start(credentials.Options{Source: credentials.Directory})
		a.follow("task", clbsim.Task{})
		a.wait(time.Minute)
		a.reads("task", matrix.PendingWith(v1alpha1.ReasonCertificateUntrusted))
		stop()
		a.endpoints.Dial = trusted
		a.start(credentials.Options{Source: credentials.Directory})
		a.wait(10 * time.Second)
		a.reads("task", matrix.Succeeded)
	})
}

// strike starts an operator with a task in progress, and lets every poll fail from then on.
func (a *account) strike(fault clbsim.Fault) {
	a.Helper()
	a.write(a.add("AKID0"))
	a.start(credentials.Options{Source: credentials.Directory})
	a.follow("running", clbsim.Task{Result: clbsim.Stuck})
	a.wait(10 * time.Second)
	fault.Match = func(c clbsim.Call) bool { return c.Action == "DescribeTaskStatus" }
	a.sim.AddFault(fault)
}

// endure checks a failure that ends nothing: what it reads as, that this does not
// change while it lasts, and that it is over when polls are answered.
func (a *account) endure(reason string, fault clbsim.Fault) {
	a.Helper()
	a.strike(fault)
	a.follow("fresh", clbsim.Task{Duration: time.Minute})
	a.wait(time.Minute)
	texts := map[string]string{"fresh": matrix.PendingWith(reason), "running": matrix.RunningWith(reason)}
	for name, want := range texts {
		a.reads(name, want)
		texts[name] = a.get(name).Status.Conditions[0].Message
		if strings.Contains(texts[name], "as the API says") {
			a.Errorf("%s repeats the API's words: %q", name, texts[name])
		}
	}
	fresh, running := a.cluster.StatusWrites(a.get("fresh").UID), a.cluster.StatusWrites(a.get("running").UID)
	a.wait(4 * time.Minute)
	for name, text := range texts {
		if now := a.get(name).Status.Conditions[0].Message; now != text {
			a.Errorf("%s said %q and says %q", name, text, now)
		}
	}
	if more := a.cluster.StatusWrites(a.get("fresh").UID) + a.cluster.StatusWrites(a.get("running").UID) - fresh - running; more > 0 {
		a.Errorf("%d more writes while nothing changes", more)
	}
	a.sim.ClearFaults()
	a.wait(30 * time.Second)
	a.reads("fresh", matrix.Succeeded)
	a.wait(5 * time.Minute) // A task that is old is polled less often.
	a.reads("running", matrix.Running)
}

// end checks a failure that ends the tasks whose polls it meets, and no other.
func (a *account) end(reason string, fault clbsim.Fault) {
	a.Helper()
	a.strike(fault)
	a.follow("fresh", clbsim.Task{})
	a.wait(10 * time.Minute)
	a.reads("fresh", matrix.UnknownWith(reason))
	a.says("fresh", fault.Code)
	a.says("fresh", "(API request ID ")
	polls := len(a.sim.CallsFor("fresh"))
	a.sim.ClearFaults()
	a.follow("next", clbsim.Task{})
	a.wait(30 * time.Second)
	a.reads("next", matrix.Succeeded)
	a.reads("fresh", matrix.UnknownWith(reason))
	if more := len(a.sim.CallsFor("fresh")) - polls; more > 0 {
		a.Errorf("%d more polls after the end", more)
	}
}
