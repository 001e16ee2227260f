package clbsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const goodSignature = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"

func TestParseAuthorization(t *testing.T) {
	t.Parallel()
	const good = "TC3-HMAC-SHA256 Credential=id/2026-03-18/clb/tc3_request, SignedHeaders=content-type;host, Signature=" + goodSignature
	tests := map[string]struct {
		old, with string // What is different from good.
		wantError string
	}{
		"the SDK's form is accepted":                {},
		"no spaces between fields is accepted":      {old: ", ", with: ","},
		"more signed headers are accepted":          {old: "host,", with: "host;x-tc-action,"},
		"another algorithm is refused":              {old: "TC3-", with: "TC4-", wantError: "begin"},
		"a missing signature is refused":            {old: ", Signature=" + goodSignature, wantError: "needs"},
		"a second credential is refused":            {old: "SignedHeaders=content-type;host", with: "Credential=id/2026-03-18/clb/tc3_request", wantError: "only one"},
		"an unknown field is refused":               {old: "SignedHeaders", with: "Headers", wantError: "unknown"},
		"a credential of three parts is refused":    {old: "/clb/", with: "/", wantError: "wrong Credential"},
		"a credential of five parts is refused":     {old: "/clb/", with: "/clb/x/", wantError: "wrong Credential"},
		"an empty secret ID is refused":             {old: "=id/", with: "=/", wantError: "wrong Credential"},
		"another end of the scope is refused":       {old: "tc3_request", with: "tc4_request", wantError: "wrong Credential"},
		"signed headers without host are refused":   {old: ";host", wantError: "must be among"},
		"signed headers without type are refused":   {old: "content-type;", wantError: "must be among"},
		"upper case in signed headers is refused":   {old: "host", with: "Host", wantError: "lower case"},
		"signed headers out of order are refused":   {old: "content-type;host", with: "host;content-type", wantError: "ascending"},
		"a header signed twice is refused":          {old: "host", with: "host;host", wantError: "ascending"},
		"an empty signed header is refused":         {old: "host", with: "host;", wantError: "separated"},
		"a signature that is too short is refused":  {old: "168", with: "16", wantError: "64 hexadecimal"},
		"a signature in upper case is refused":      {old: "e494ea", with: "E494EA", wantError: "64 hexadecimal"},
		"a signature that is not hex is refused":    {old: "e494ea", with: "x494ea", wantError: "64 hexadecimal"},
		"nothing at all is refused":                 {old: good, wantError: "begin"},
		"the algorithm alone is refused":            {old: good, with: "TC3-HMAC-SHA256 ", wantError: "unknown"},
		"a field without a value is refused":        {old: "=id/2026-03-18/clb/tc3_request", wantError: "wrong Credential"},
		"a comma at the end is refused, as unknown": {old: "168", with: "168,", wantError: "unknown"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			a, err := parseAuthorization(strings.Replace(good, test.old, test.with, 1))
			switch {
			case test.wantError == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case test.wantError == "":
				if a.secretID != "id" || a.date != "2026-03-18" || a.service != "clb" || a.signature != goodSignature {
					t.Errorf("parsed as %+v", a)
				}
			case err == nil || !strings.Contains(err.Error(), test.wantError):
				t.Errorf("the error is %v, want one with %q", err, test.wantError)
			}
		})
	}
}

// FuzzParseAuthorization checks that whatever is accepted says what it was
// parsed from, and nothing more.
func FuzzParseAuthorization(f *testing.F) {
	f.Add("TC3-HMAC-SHA256 Credential=id/2026-03-18/clb/tc3_request, SignedHeaders=content-type;host, Signature=" + goodSignature)
	f.Add("TC3-HMAC-SHA256 Signature=" + goodSignature + ",SignedHeaders=content-type;host;x-tc-action,Credential=a/b/c/tc3_request")
	f.Add("TC3-HMAC-SHA256 Credential=//, SignedHeaders=;, Signature==")
	f.Add("SKIP")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if err != nil {
			return
		}
		if a.secretID == "" || !slices.Contains(a.signedHeaders, "host") || len(a.signature) != 64 {
			t.Fatalf("%q is accepted as %+v", header, a)
		}
		again, err := parseAuthorization(fmt.Sprintf("%s Credential=%s/%s/%s/tc3_request, SignedHeaders=%s, Signature=%s",
			algorithm, a.secretID, a.date, a.service, strings.Join(a.signedHeaders, ";"), a.signature))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(a) {
			t.Fatalf("%q is accepted as %+v, but that is written %+v (%v)", header, a, again, err)
		}
	})
}
