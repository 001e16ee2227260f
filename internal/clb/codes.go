package clb

import "strings"

// errorInfo is what an error code says.
type errorInfo struct {
	problem Problem
	scope   Scope
}

// exactCodes are the codes that mean something else than their family.
var exactCodes = map[string]errorInfo{
	"FailedOperation":                   {problem: ProblemQueryRefused},
	"FailedOperation.RateLimitExceeded": {problem: ProblemThrottled},

	"RequestLimitExceeded.UinLimitExceeded":             {problem: ProblemThrottled, scope: ScopeAccount},
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded": {problem: ProblemThrottled, scope: ScopeAccount},
	"RequestLimitExceeded.IPLimitExceeded":              {problem: ProblemThrottled, scope: ScopeProcess},

	"InvalidParameter.FormatError":    {problem: ProblemInvalidRequest},
	"InvalidParameter.LBIdNotFound":   {problem: ProblemLoadBalancerNotFound},
	"InvalidParameter.RegionNotFound": {problem: ProblemInvalidRegion},

	"AuthFailure.SignatureExpire":       {problem: ProblemClockSkew},
	"AuthFailure.UnauthorizedOperation": {problem: ProblemAccessDenied},

	"ClientError.CredentialError": {problem: ProblemCredentialsRejected},
}

// familyCodes are the parts before the first dot.
var familyCodes = map[string]errorInfo{
	"RequestLimitExceeded": {problem: ProblemThrottled},

	"InternalError":             {problem: ProblemAPIUnavailable},
	"ServiceUnavailable":        {problem: ProblemAPIUnavailable},
	"ResourceUnavailable":       {problem: ProblemAPIUnavailable},
	"ResourceInUse":             {problem: ProblemAPIUnavailable},
	"ResourceInsufficient":      {problem: ProblemAPIUnavailable},
	"ResponseSizeLimitExceeded": {problem: ProblemAPIUnavailable},
	"FailedOperation":           {problem: ProblemAPIUnavailable},

	"InvalidParameter": {problem: ProblemTaskNotFound},
	"ResourceNotFound": {problem: ProblemTaskNotFound},

	"UnsupportedRegion": {problem: ProblemInvalidRegion},

	"InvalidParameterValue":    {problem: ProblemInvalidRequest},
	"MissingParameter":         {problem: ProblemInvalidRequest},
	"RequestSizeLimitExceeded": {problem: ProblemInvalidRequest},

	"UnknownParameter":     {problem: ProblemEndpointRefused},
	"InvalidAction":        {problem: ProblemEndpointRefused},
	"NoSuchProduct":        {problem: ProblemEndpointRefused},
	"NoSuchVersion":        {problem: ProblemEndpointRefused},
	"ActionOffline":        {problem: ProblemEndpointRefused},
	"UnsupportedOperation": {problem: ProblemEndpointRefused},
	"UnsupportedProtocol":  {problem: ProblemEndpointRefused},
	"InvalidRequest":       {problem: ProblemEndpointRefused},

	"AuthFailure":           {problem: ProblemCredentialsRejected},
	"UnauthorizedOperation": {problem: ProblemAccessDenied},
	"OperationDenied":       {problem: ProblemAccessDenied},
	"IpInBlacklist":         {problem: ProblemAccessDenied},
	"IpNotInWhitelist":      {problem: ProblemAccessDenied},
	"LimitExceeded":         {problem: ProblemAccessDenied},

	"ClientError": {problem: ProblemAPIUnreachable},
}

// lookUp finds a code: the whole code first, then its family, the part before the first
// dot. known is what was found, or "Other".
func lookUp(code string) (known string, info errorInfo) {
	if info, ok := exactCodes[code]; ok {
		return code, info
	}
	family, _, _ := strings.Cut(code, ".")
	if info, ok := familyCodes[family]; ok {
		return family, info
	}
	// A code that nobody has documented must not end a task.
	return "Other", errorInfo{problem: ProblemAPIUnavailable}
}

func classify(code string) errorInfo {
	_, info := lookUp(code)
	return info
}

// KnownCode returns a code if Tencent Cloud documents it or it is one of ours, its family if
// that is documented, or else "Other": whatever answers for the API, there are few of these.
func KnownCode(code string) string {
	if _, own := ownCodes[code]; own {
		return code
	}
	known, _ := lookUp(code)
	return known
}

// stsProblem returns what a failed call of STS means for the polls that its
// credential would have signed.
func stsProblem(e *Error) Problem {
	if e.Code == "InvalidParameter.OverLimit" { // It means "too often".
		return ProblemAPIUnavailable
	}
	switch e.Problem {
	case ProblemAPIUnreachable, ProblemCertificateUntrusted, ProblemClockSkew:
		return e.Problem
	case ProblemThrottled, ProblemAPIUnavailable, ProblemUnexpectedAnswer, ProblemQueryRefused:
		return ProblemAPIUnavailable
	default:
		// It refuses the key, the token, the role or the request itself.
		return ProblemCredentialsRejected
	}
}
