package clb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
)

const (
	stsVersion = "2018-08-13"
	// sessionName is the same in every session, so that the audit trail of the
	// account names the operator.
	sessionName = "clbtask-operator"
	// sessionSeconds is how long a session lasts: the default of STS.
	sessionSeconds = 7200
)

// Session is a temporary credential.
type Session struct {
	Credential Credential
	// Expires is when the API stops accepting it.
	Expires time.Time
}

// NewSession makes a Session of what a service issued. It returns an error that
// names what is missing: each of the parts and the time must be there.
func NewSession(secretID, secretKey, token string, expires time.Time) (Session, error) {
	session := Session{NewCredential(secretID, secretKey, token), expires}
	p := session.Credential.parts()
	switch {
	case p.secretID == "":
		return Session{}, errors.New("the answer has no SecretId")
	case p.secretKey == "":
		return Session{}, errors.New("the answer has no SecretKey")
	case p.token == "":
		return Session{}, errors.New("the answer has no token")
	case expires.Unix() <= 0:
		return Session{}, errors.New("the answer has no expiry")
	}
	return session, nil
}

// Role is a role of an account, to be assumed with a key.
type Role struct {
	// ARN names the role, as in qcs::cam::uin/100000000001:roleName/clbtask.
	ARN string
	// ExternalID is what the role's trust policy demands, often nothing.
	ExternalID string
}

// WebIdentity is a token of an identity provider that a role trusts.
type WebIdentity struct {
	ProviderID, RoleARN, Token string
}

// Identity is the owner of a key.
type Identity struct {
	// AccountID is the main account.
	AccountID string
	// UserID is the sub-account or role within it, without the name of the session.
	UserID string
}

// String returns what identifies the owner, as in 100000000001/200000000002.
func (i Identity) String() string { return i.AccountID + "/" + i.UserID }

var ownerPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// STS calls Tencent Cloud's Security Token Service (version 2018-08-13). Each method
// makes one call, never retries, and takes no longer than its context. It is safe for
// concurrent use.
//
// The errors are *Errors whose Action is the method's name, unless the configuration
// allows no call at all (see Check). If the service cannot answer now, their Problem
// is ProblemAPIUnavailable, also if it is called too often; if no usable answer comes
// it is ProblemAPIUnreachable or ProblemCertificateUntrusted. If the service refuses,
// it is ProblemClockSkew or else ProblemCredentialsRejected.
type STS struct {
	endpoints Endpoints
	transport http.RoundTripper
}

// NewSTS makes an STS that calls the hosts that endpoints names.
func NewSTS(endpoints Endpoints) *STS {
	return &STS{endpoints: endpoints, transport: validatingTransport{newTransport(endpoints)}}
}

// Check returns an error that says what to configure if no call may be made.
func (s *STS) Check() error {
	_, err := s.endpoints.STS("")
	return err
}

// AssumeRoleWithWebIdentity exchanges a token for a session of a role, of two hours.
// The call carries no signature.
func (s *STS) AssumeRoleWithWebIdentity(ctx context.Context, region string, identity WebIdentity) (Session, error) {
	return s.session(ctx, stsCall{
		action: "AssumeRoleWithWebIdentity", region: region, secrets: []string{identity.Token},
		parameters: map[string]any{
			"ProviderId": identity.ProviderID, "WebIdentityToken": identity.Token, "RoleArn": identity.RoleARN,
			"RoleSessionName": sessionName, "DurationSeconds": sessionSeconds,
		},
	}, identity.RoleARN)
}

// AssumeRole opens a session of a role, of two hours, with a permanent or temporary
// key.
func (s *STS) AssumeRole(ctx context.Context, region string, role Role, key Credential) (Session, error) {
	parameters := map[string]any{"RoleArn": role.ARN, "RoleSessionName": sessionName, "DurationSeconds": sessionSeconds}
	if role.ExternalID != "" {
		parameters["ExternalId"] = role.ExternalID
	}
	return s.session(ctx, stsCall{
		action: "AssumeRole", region: region, key: key, secrets: []string{role.ExternalID}, parameters: parameters,
	}, role.ARN)
}

// CallerIdentity returns the owner of a key. The call needs no permission (API page
// 1312/66098).
func (s *STS) CallerIdentity(ctx context.Context, region string, key Credential) (Identity, error) {
	var response struct {
		tchttp.BaseResponse
		Response struct {
			AccountID string `json:"AccountId"`
			UserID    string `json:"UserId"`
		}
	}
	call := stsCall{action: "GetCallerIdentity", region: region, key: key, parameters: map[string]any{}}
	if err := s.do(ctx, call, &response); err != nil {
		return Identity{}, err
	}
	// For a role, the name of the session follows, and for a federated user its name.
	user, _, _ := strings.Cut(response.Response.UserID, ":")
	if !ownerPattern.MatchString(response.Response.AccountID) || !ownerPattern.MatchString(user) {
		return Identity{}, call.unusable("the answer names no account")
	}
	return Identity{response.Response.AccountID, user}, nil
}

func (s *STS) session(ctx context.Context, call stsCall, role string) (Session, error) {
	var response struct {
		tchttp.BaseResponse
		Response struct {
			Credentials struct {
				Token     string
				SecretID  string `json:"TmpSecretId"`
				SecretKey string `json:"TmpSecretKey"`
			}
			ExpiredTime int64
		}
	}
	call.about = fmt.Sprintf("role %s: ", role)
	if err := s.do(ctx, call, &response); err != nil {
		return Session{}, err
	}
	r := response.Response
	session, err := NewSession(r.Credentials.SecretID, r.Credentials.SecretKey, r.Credentials.Token, time.Unix(r.ExpiredTime, 0))
	if err != nil {
		return Session{}, call.unusable(err.Error())
	}
	return session, nil
}

// stsCall is one call.
type stsCall struct {
	action, region string
	// key signs the call; the zero value leaves it unsigned.
	key        Credential
	parameters map[string]any
	// secrets must not appear in an error, nor may the parts of key.
	secrets []string
	// about begins the message of an error.
	about string
}

func (c stsCall) redact(text string) string { return redact(c.key.redact(text), c.secrets...) }

func (c stsCall) unusable(text string) *Error {
	return &Error{Problem: ProblemAPIUnavailable, Action: c.action, Code: "ClientError.UnexpectedAnswer", Message: c.about + text}
}

// do makes the call and fills response.
func (s *STS) do(ctx context.Context, call stsCall, response tchttp.Response) error {
	endpoint, err := s.endpoints.STS(call.region)
	if err != nil {
		return err
	}
	request := tchttp.NewCommonRequest(serviceSTS, stsVersion, call.action)
	if err := request.SetActionParameters(call.parameters); err != nil {
		return call.unusable("the SDK cannot write the request")
	}
	// For a call without signature, the SDK sends no header of the request, so the
	// region is the client's.
	client := new(common.Client).Init(call.region)
	if call.key == (Credential{}) {
		request.SetSkipSign(true)
	} else {
		client.WithCredential(sdkCredential(call.key))
	}
	configure(client, endpoint, s.transport)

	// The caller's own responseInfo, if any, is that of a poll.
	info := new(responseInfo)
	request.SetContext(context.WithValue(ctx, responseInfoKey{}, info))
	if err = guarded(func() error { return client.Send(request, response) }); err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return &Error{
			Problem: ProblemAPIUnreachable, Action: call.action, Code: "ClientError.Timeout",
			Message: call.about + "no whole answer from " + endpoint.Host + " in time", cause: ctx.Err(),
		}
	}
	failed := translate(err, endpoint, call.redact, info)
	failed.Action, failed.Problem, failed.Message = call.action, stsProblem(failed), truncate(call.about+failed.Message, maxMessageBytes)
	failed.Scope, failed.RetryAfter = ScopeBucket, 0 // They are about the quota of CLB.
	// The SDK's error may hold the whole body, with a key in it.
	failed.cause = nil
	var network *url.Error
	if errors.As(err, &network) {
		failed.cause = network
	}
	return failed
}
