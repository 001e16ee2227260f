package clbsim

import (
	"crypto/hmac"
	"crypto/subtle"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	service = "clb"
	version = "2018-03-17"
	action  = "DescribeTaskStatus"

	// maxSkew is how far X-TC-Timestamp may be off (API page 214/33849,
	// AuthFailure.SignatureExpire).
	maxSkew = 300 // Seconds.
)

// checkProtocol refuses what is no call of signature method v3 in JSON.
func (s *Simulator) checkProtocol(req *request) *APIError {
	r := req.http
	if r.Method != http.MethodPost {
		return &APIError{"UnsupportedProtocol", fmt.Sprintf("The simulator supports POST only, not %s.", r.Method)}
	}
	if r.URL.Path != "/" {
		return &APIError{"InvalidRequest", fmt.Sprintf("The request path `%s` is not `/`.", r.URL.Path)}
	}
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		return &APIError{"UnsupportedProtocol", "The simulator supports the content type application/json only."}
	}
	if req.tooBig {
		return &APIError{"RequestSizeLimitExceeded", "The request is larger than 10 MB."}
	}
	if _, ok := s.config.Hosts[req.call.Host]; !ok && len(s.config.Hosts) > 0 {
		return &APIError{"NoSuchProduct", fmt.Sprintf("The product of the host `%s` does not exist.", req.call.Host)}
	}
	for _, name := range []string{"Action", "Version", "Timestamp"} {
		if r.Header.Get("X-TC-"+name) == "" {
			return missing(name)
		}
	}
	return nil
}

// checkSignature refuses whoever is not known, or does not prove it.
func (s *Simulator) checkSignature(req *request, now time.Time) *APIError {
	header := req.http.Header
	a, err := parseAuthorization(header.Get("Authorization"))
	if err != nil {
		return &APIError{"AuthFailure.InvalidAuthorization", "The Authorization header " + err.Error() + "."}
	}
	credential, ok := s.credential(a.secretID)
	if !ok {
		return &APIError{"AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."}
	}
	unix, err := strconv.ParseInt(header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return &APIError{"InvalidParameterValue", "The value of `X-TC-Timestamp` is not a number of seconds."}
	}
	if unix < now.Unix()-maxSkew || unix > now.Unix()+maxSkew {
		return &APIError{"AuthFailure.SignatureExpire", fmt.Sprintf(
			"The X-TC-Timestamp `%d` is more than %d seconds away from the server time `%d`.", unix, maxSkew, now.Unix())}
	}
	date := time.Unix(unix, 0).UTC().Format(time.DateOnly)
	if a.date != date || a.service != service ||
		!hmac.Equal([]byte(a.signature), []byte(sign(req.http, req.body, a, credential.SecretKey))) {
		return &APIError{"AuthFailure.SignatureFailure",
			"The provided credentials could not be validated. Please check your signature is correct."}
	}
	if !credential.accepts(header.Get("X-TC-Token"), now) {
		return &APIError{"AuthFailure.TokenFailure", "Token verification failed, please check if your Token is correct."}
	}
	return nil
}

func (c Credential) accepts(token string, now time.Time) bool {
	expired := !c.TokenExpires.IsZero() && !now.Before(c.TokenExpires)
	return subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) == 1 && !expired
}

func checkAction(header http.Header) *APIError {
	if got := header.Get("X-TC-Version"); got != version {
		return &APIError{"NoSuchVersion", fmt.Sprintf("The version `%s` of `%s` does not exist.", got, service)}
	}
	if got := header.Get("X-TC-Action"); got != action {
		return &APIError{"InvalidAction", fmt.Sprintf("The request action=`%s` is invalid or not found in version `%s`.", got, version)}
	}
	return nil
}

func (s *Simulator) checkQuota(c *Call) *APIError {
	key := bucketKey{account: c.Account, action: action}
	if len(s.config.Hosts) > 0 {
		key.gateway = c.Host
	}
	passes, inSecond := s.quota.arrive(key)
	if passes {
		return nil
	}
	c.Throttled = true
	return &APIError{"RequestLimitExceeded", fmt.Sprintf(
		"Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d` for a second."+
			" Please reduce the frequency of calls.", inSecond, s.config.RequestsPerSecond)}
}

// regionName is what names such as ap-guangzhou and ap-shanghai-fsi look like.
var regionName = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)

func (s *Simulator) checkRegion(c *Call) *APIError {
	if c.Region == "" {
		return missing("Region")
	}
	if !regionName.MatchString(c.Region) {
		return &APIError{"InvalidParameterValue",
			"A value specified in `X-TC-Region` is not valid, is unsupported, or cannot be used."}
	}
	known := len(s.config.Regions) == 0 || slices.Contains(s.config.Regions, c.Region)
	if !known || !s.hostServes(c.Host, c.Region) {
		return &APIError{"UnsupportedRegion", fmt.Sprintf("The request region `%s` is not supported.", c.Region)}
	}
	return nil
}

func (s *Simulator) hostServes(host, region string) bool {
	if len(s.config.Hosts) == 0 {
		return true
	}
	if regions := s.config.Hosts[host]; len(regions) > 0 {
		return slices.Contains(regions, region)
	}
	return !strings.HasSuffix(region, "-fsi")
}
