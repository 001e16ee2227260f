package clb

import (
	"strings"
	"testing"
)

func TestEveryCodeHasItsProblem(t *testing.T) {
	for codes, want := range map[string]errorInfo{
		"RequestLimitExceeded FailedOperation.RateLimitExceeded RequestLimitExceeded.New":         {ProblemThrottled, ScopeBucket},
		"RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded": {ProblemThrottled, ScopeAccount},
		"RequestLimitExceeded.IPLimitExceeded":                                                    {ProblemThrottled, ScopeProcess},
		"InternalError InternalError.Db ServiceUnavailable ResourceUnavailable ResourceInUse":     {ProblemAPIUnavailable, 0},
		"ResourceInsufficient ResponseSizeLimitExceeded FailedOperation.ResourceInOperating":      {ProblemAPIUnavailable, 0},
		"FailedOperation": {ProblemQueryRefused, 0},
		"InvalidParameter InvalidParameter.New ResourceNotFound ResourceNotFound.Task": {ProblemTaskNotFound, 0},
		"InvalidParameter.LBIdNotFound":                                                                         {ProblemLoadBalancerNotFound, 0},
		"InvalidParameter.RegionNotFound UnsupportedRegion":                                                     {ProblemInvalidRegion, 0},
		"InvalidParameter.FormatError InvalidParameterValue InvalidParameterValue.Length":                       {ProblemInvalidRequest, 0},
		"MissingParameter RequestSizeLimitExceeded":                                                             {ProblemInvalidRequest, 0},
		"UnknownParameter InvalidAction NoSuchProduct NoSuchVersion ActionOffline":                              {ProblemEndpointRefused, 0},
		"UnsupportedOperation UnsupportedProtocol InvalidRequest":                                               {ProblemEndpointRefused, 0},
		"AuthFailure AuthFailure.SecretIdNotFound AuthFailure.SignatureFailure AuthFailure.InvalidSecretId":     {ProblemCredentialsRejected, 0},
		"AuthFailure.TokenFailure ClientError.CredentialError":                                                  {ProblemCredentialsRejected, 0},
		"AuthFailure.SignatureExpire":                                                                           {ProblemClockSkew, 0},
		"AuthFailure.UnauthorizedOperation UnauthorizedOperation UnauthorizedOperation.Cam OperationDenied":     {ProblemAccessDenied, 0},
		"IpInBlacklist IpNotInWhitelist LimitExceeded":                                                          {ProblemAccessDenied, 0},
		"ClientError ClientError.NetworkError ClientError.ParseJsonError":                                       {ProblemAPIUnreachable, 0},
		"DryRunOperation SomethingNew.Altogether . AuthFailureX requestlimitexceeded InvalidParameterX.FormatY": {ProblemAPIUnavailable, 0},
	} {
		for code := range strings.FieldsSeq(codes) {
			if got := classify(code); got != want {
				t.Errorf("%s: %+v, want %+v", code, got, want)
			}
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("FailedOperation.RateLimitExceeded")
	f.Add("..")
	f.Fuzz(func(t *testing.T, code string) {
		if info := classify(code); info.problem == "" {
			t.Errorf("%q has no problem", code)
		}
	})
}
