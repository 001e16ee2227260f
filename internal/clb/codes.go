package clb

import "strings"

// meaning is what an error code says.
type meaning struct {
	class    Class
	problem  Problem
	patience Patience
	scope    Scope
}

// exactCodes are the codes that mean something else than their family.
var exactCodes = map[string]meaning{
	"FailedOperation":                   {class: Soon, problem: ProblemAPIUnavailable, patience: TenInARow},
	"FailedOperation.RateLimitExceeded": {class: Throttle, problem: ProblemThrottled, scope: ScopeBucket},

	"RequestLimitExceeded.UinLimitExceeded":             {class: Throttle, problem: ProblemThrottled, scope: ScopeAccount},
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded": {class: Throttle, problem: ProblemThrottled, scope: ScopeAccount},
	"RequestLimitExceeded.IPLimitExceeded":              {class: Throttle, problem: ProblemThrottled, scope: ScopeProcess},

	"InvalidParameter.RegionNotFound": {class: Permanent, problem: ProblemInvalidRegion},
	"InvalidParameter.FormatError":    {class: Permanent, problem: ProblemInvalidRequest},

	"AuthFailure.TokenFailure":          {class: Configuration, problem: ProblemCredentialsRejected, patience: OnceMore},
	"AuthFailure.SignatureExpire":       {class: Configuration, problem: ProblemClockSkew, patience: OnceMore},
	"AuthFailure.UnauthorizedOperation": {class: Configuration, problem: ProblemAccessDenied},

	"ClientError.CredentialError": {class: Configuration, problem: ProblemCredentialsRejected},
}

// familyCodes are the parts before the first dot.
var familyCodes = map[string]meaning{
	"RequestLimitExceeded": {class: Throttle, problem: ProblemThrottled, scope: ScopeBucket},

	"InternalError":             {class: Soon, problem: ProblemAPIUnavailable},
	"ServiceUnavailable":        {class: Soon, problem: ProblemAPIUnavailable},
	"ResourceUnavailable":       {class: Soon, problem: ProblemAPIUnavailable},
	"ResourceInUse":             {class: Soon, problem: ProblemAPIUnavailable},
	"ResourceInsufficient":      {class: Soon, problem: ProblemAPIUnavailable},
	"ResponseSizeLimitExceeded": {class: Soon, problem: ProblemAPIUnavailable},
	"FailedOperation":           {class: Soon, problem: ProblemAPIUnavailable},

	"InvalidParameter": {class: Permanent, problem: ProblemTaskNotFound, patience: NotFoundGrace},
	"ResourceNotFound": {class: Permanent, problem: ProblemTaskNotFound, patience: NotFoundGrace},

	"UnsupportedRegion": {class: Permanent, problem: ProblemInvalidRegion},

	"InvalidParameterValue":    {class: Permanent, problem: ProblemInvalidRequest},
	"MissingParameter":         {class: Permanent, problem: ProblemInvalidRequest},
	"RequestSizeLimitExceeded": {class: Permanent, problem: ProblemInvalidRequest},

	"UnknownParameter":     {class: Configuration, problem: ProblemEndpointRefused},
	"InvalidAction":        {class: Configuration, problem: ProblemEndpointRefused},
	"NoSuchProduct":        {class: Configuration, problem: ProblemEndpointRefused},
	"NoSuchVersion":        {class: Configuration, problem: ProblemEndpointRefused},
	"ActionOffline":        {class: Configuration, problem: ProblemEndpointRefused},
	"UnsupportedOperation": {class: Configuration, problem: ProblemEndpointRefused},
	"UnsupportedProtocol":  {class: Configuration, problem: ProblemEndpointRefused},
	"InvalidRequest":       {class: Configuration, problem: ProblemEndpointRefused},

	"AuthFailure":           {class: Configuration, problem: ProblemCredentialsRejected},
	"UnauthorizedOperation": {class: Configuration, problem: ProblemAccessDenied},
	"OperationDenied":       {class: Configuration, problem: ProblemAccessDenied},
	"IpInBlacklist":         {class: Configuration, problem: ProblemAccessDenied},
	"IpNotInWhitelist":      {class: Configuration, problem: ProblemAccessDenied},
	"LimitExceeded":         {class: Configuration, problem: ProblemAccessDenied},

	"ClientError": {class: Soon, problem: ProblemAPIUnreachable},
}

// classify looks a code up: whole first, then the part before the first dot.
// What nobody has documented is Soon: a code that is new must not end a task.
// A region that the API does not serve is the user's mistake on Tencent
// Cloud's own hosts, and the operator's on a custom endpoint.
func classify(code string, custom bool) meaning {
	m, ok := exactCodes[code]
	if !ok {
		family, _, _ := strings.Cut(code, ".")
		if m, ok = familyCodes[family]; !ok {
			m = meaning{class: Soon, problem: ProblemAPIUnavailable}
		}
	}
	if m.problem == ProblemInvalidRegion && custom {
		m.class = Configuration
	}
	return m
}
