package clb

import (
	"strings"
	"testing"
)

func TestEveryCodeHasItsMeaning(t *testing.T) {
	for codes, want := range map[string]meaning{
		"RequestLimitExceeded FailedOperation.RateLimitExceeded RequestLimitExceeded.New":         {Throttle, ProblemThrottled, None, ScopeBucket},
		"RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded": {Throttle, ProblemThrottled, None, ScopeAccount},
		"RequestLimitExceeded.IPLimitExceeded":                                                    {Throttle, ProblemThrottled, None, ScopeProcess},
		"InternalError InternalError.Db ServiceUnavailable ResourceUnavailable ResourceInUse":     {Soon, ProblemAPIUnavailable, None, 0},
		"ResourceInsufficient ResponseSizeLimitExceeded FailedOperation.ResourceInOperating":      {Soon, ProblemAPIUnavailable, None, 0},
		"FailedOperation": {Soon, ProblemAPIUnavailable, TenInARow, 0},
		"InvalidParameter InvalidParameter.LBIdNotFound ResourceNotFound ResourceNotFound.Task":                 {Permanent, ProblemTaskNotFound, NotFoundGrace, 0},
		"InvalidParameter.RegionNotFound UnsupportedRegion":                                                     {Permanent, ProblemInvalidRegion, None, 0},
		"InvalidParameter.FormatError InvalidParameterValue InvalidParameterValue.Length":                       {Permanent, ProblemInvalidRequest, None, 0},
		"MissingParameter RequestSizeLimitExceeded":                                                             {Permanent, ProblemInvalidRequest, None, 0},
		"UnknownParameter InvalidAction NoSuchProduct NoSuchVersion ActionOffline":                              {Configuration, ProblemEndpointRefused, None, 0},
		"UnsupportedOperation UnsupportedProtocol InvalidRequest":                                               {Configuration, ProblemEndpointRefused, None, 0},
		"AuthFailure AuthFailure.SecretIdNotFound AuthFailure.SignatureFailure AuthFailure.InvalidSecretId":     {Configuration, ProblemCredentialsRejected, None, 0},
		"ClientError.CredentialError":                                                                           {Configuration, ProblemCredentialsRejected, None, 0},
		"AuthFailure.TokenFailure":                                                                              {Configuration, ProblemCredentialsRejected, OnceMore, 0},
		"AuthFailure.SignatureExpire":                                                                           {Configuration, ProblemClockSkew, OnceMore, 0},
		"AuthFailure.UnauthorizedOperation UnauthorizedOperation UnauthorizedOperation.Cam OperationDenied":     {Configuration, ProblemAccessDenied, None, 0},
		"IpInBlacklist IpNotInWhitelist LimitExceeded":                                                          {Configuration, ProblemAccessDenied, None, 0},
		"ClientError ClientError.NetworkError ClientError.ParseJsonError":                                       {Soon, ProblemAPIUnreachable, None, 0},
		"DryRunOperation SomethingNew.Altogether . AuthFailureX requestlimitexceeded InvalidParameterX.FormatY": {Soon, ProblemAPIUnavailable, None, 0},
	} {
		for code := range strings.FieldsSeq(codes) {
			if got := classify(code, false); got != want {
				t.Errorf("%s: %+v, want %+v", code, got, want)
			}
		}
	}
}

func TestARegionThatACustomEndpointDoesNotServeIsTheOperatorsMistake(t *testing.T) {
	for _, code := range []string{"UnsupportedRegion", "InvalidParameter.RegionNotFound"} {
		if got := classify(code, true); got.class != Configuration {
			t.Errorf("%s is %v", code, got.class)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("FailedOperation.RateLimitExceeded")
	f.Add("..")
	f.Fuzz(func(t *testing.T, code string) {
		if m := classify(code, false); m.problem == "" {
			t.Errorf("%q has no meaning", code)
		}
	})
}
