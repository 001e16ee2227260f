package clbsim

import (
	"crypto/hmac"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far X-TC-Timestamp may be off, in seconds (API page 214/33849,
// AuthFailure.SignatureExpire).
const maxSkew = 300

// admit carries out the steps up to the quota.
func (s *Simulator) admit(r *request) (handler, *APIError) {
	mediaType, _, _ := mime.ParseMediaType(r.http.Header.Get("Content-Type"))
	if r.http.Method != http.MethodPost || r.http.URL.Path != "/" || mediaType != "application/json" {
		return nil, refuse("UnsupportedProtocol", "The simulator supports only POST to `/` with the content type application/json.")
	}
	a := action{"sts", r.http.Header.Get("X-TC-Version"), r.call.Action}
	if a == webIdentity && r.http.Header.Get("Authorization") == "SKIP" {
		r.signer.Account = r.text("RoleArn") // The quota is that of the role.
	} else if refusal := s.verify(r, &a); refusal != nil {
		return nil, refusal
	}
	handle, ok := actions[a]
	if !ok {
		return nil, refuse("InvalidAction", "The request action=`%s` is invalid or not found in version `%s`.", a.name, a.version)
	}
	r.call.Account = r.signer.Account
	passes, inSecond := s.arrive(bucketKey{r.signer.Account, r.call.Host, a}, r.call.At)
	if !passes {
		r.call.Throttled = true
		return nil, refuse("RequestLimitExceeded",
			"Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d` for a second."+
				" Please reduce the frequency of calls.", inSecond, s.config.RequestsPerSecond)
	}
	return handle, nil
}

// verify checks the signature. It notes who signed the request, and for which
// service.
func (s *Simulator) verify(r *request, of *action) (refusal *APIError) {
	header, now := r.http.Header, r.call.At.Unix()
	a := r.signature
	credential, known := s.credentials[a.secretID]
	unix, err := strconv.ParseInt(header.Get("X-TC-Timestamp"), 10, 64)
	switch {
	case a.service == "":
		refusal = refuse("AuthFailure.InvalidAuthorization", "The Authorization header is not one of %s.", algorithm)
	case !known:
		refusal = refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct.")
	case err != nil || unix < now-maxSkew || unix > now+maxSkew:
		refusal = refuse("AuthFailure.SignatureExpire", "The X-TC-Timestamp `%d` is more than %d seconds away from the server time `%d`.", unix, maxSkew, now)
	case a.date != time.Unix(unix, 0).UTC().Format(time.DateOnly),
		!hmac.Equal([]byte(a.signature), []byte(sign(r.http, r.body, a, credential.SecretKey))):
		refusal = refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct.")
	case header.Get("X-TC-Token") != credential.Token, !credential.Expires.IsZero() && !r.call.At.Before(credential.Expires):
		refusal = refuse("AuthFailure.TokenFailure", "Token verification failed, please check if your Token is correct.")
	}
	r.signer, of.service = credential, a.service
	return refusal
}

// checkRegion refuses calls without a region. On the real host names it also
// refuses finance regions, except on the host of that region, which in turn
// serves no other.
func checkRegion(c *Call) *APIError {
	if c.Region == "" {
		return missing("Region")
	}
	isFinance := func(region string) bool { return strings.HasSuffix(region, "-fsi") }
	labels := strings.Split(c.Host, ".")
	onRealHost := strings.HasSuffix(c.Host, ".tencentcloudapi.com")
	if onRealHost && (isFinance(c.Region) || slices.ContainsFunc(labels, isFinance)) && !slices.Contains(labels, c.Region) {
		return refuse("UnsupportedRegion", "The request region `%s` is not supported.", c.Region)
	}
	return nil
}
