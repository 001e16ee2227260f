package clb

import (
	"slices"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	for sentence, test := range map[string]struct {
		code string
		want errorInfo
	}{
		"a code of its own is read whole":                   {"RequestLimitExceeded.IPLimitExceeded", errorInfo{ProblemThrottled, ScopeProcess}},
		"an unlisted one is read as its family":             {"RequestLimitExceeded.New", errorInfo{ProblemThrottled, ScopeBucket}},
		"a family need not be like a code of its own":       {"FailedOperation.ResourceInOperating", errorInfo{problem: ProblemAPIUnavailable}},
		"only whole words make a family":                    {"AuthFailureX", errorInfo{problem: ProblemAPIUnavailable}},
		"and only the first one":                            {"New.AuthFailure", errorInfo{problem: ProblemAPIUnavailable}},
		"case matters":                                      {"requestlimitexceeded", errorInfo{problem: ProblemAPIUnavailable}},
		"a code that is not documented ends nothing":        {"SomethingNew.Altogether", errorInfo{problem: ProblemAPIUnavailable}},
		"nor does a family that is longer than a known one": {"InvalidParameterX.FormatError", errorInfo{problem: ProblemAPIUnavailable}},
		"no code at all ends nothing":                       {"", errorInfo{problem: ProblemAPIUnavailable}},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := classify(test.code); got != test.want {
				t.Errorf("%s: %+v, want %+v", test.code, got, test.want)
			}
		})
	}
}

// A code of its own says something else than its family: else it is not needed.
func TestExactCodes(t *testing.T) {
	for code, info := range exactCodes {
		family, _, _ := strings.Cut(code, ".")
		if code != family && familyCodes[family] == info {
			t.Errorf("%s says what %s says", code, family)
		}
	}
}

// A code that is found on this side is in the table, and no answer of the API is read so.
func TestOwnCodes(t *testing.T) {
	for code, info := range ownCodes {
		if got := ownError(code, "text", nil); got.Problem != info.problem || got.Code != code || got.Message != "text" {
			t.Errorf("%s: %+v", code, got)
		}
		if got := classify(code); got.problem != ProblemAPIUnreachable {
			t.Errorf("an answer with the code %s is read as %s", code, got.problem)
		}
	}
}

func TestKnownCode(t *testing.T) {
	for code, want := range map[string]string{
		"FailedOperation.RateLimitExceeded": "FailedOperation.RateLimitExceeded", "AuthFailure.SecretIdNotFound": "AuthFailure", "New.Code": "Other", "": "Other",
		"ClientError.CredentialsMissing": "ClientError.CredentialsMissing", "ClientError.Timeout": "ClientError.Timeout", "ClientError.NetworkError": "ClientError",
	} {
		if got := KnownCode(code); got != want {
			t.Errorf("%s is known as %s, want %s", code, got, want)
		}
	}
}

// Only what the API says of the request itself may end a task.
func FuzzClassify(f *testing.F) {
	for code := range exactCodes {
		f.Add(code)
	}
	for family := range familyCodes {
		f.Add(family)
		f.Add(family + ".New")
	}
	f.Add("..")
	aboutRequest := []Problem{ProblemTaskNotFound, ProblemLoadBalancerNotFound, ProblemInvalidRegion, ProblemInvalidRequest}
	f.Fuzz(func(t *testing.T, code string) {
		info := classify(code)
		family, _, _ := strings.Cut(code, ".")
		says := slices.Contains([]string{
			"InvalidParameter", "InvalidParameterValue", "MissingParameter", "ResourceNotFound", "UnsupportedRegion", "RequestSizeLimitExceeded",
		}, family)
		if ends := slices.Contains(aboutRequest, info.problem); info.problem == "" || ends != says {
			t.Errorf("%q is %s", code, info.problem)
		}
	})
}
