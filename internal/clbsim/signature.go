package clbsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

const algorithm = "TC3-HMAC-SHA256"

// authorization is the Authorization header of signature method v3 (API page
// 1021/34193).
type authorization struct {
	secretID, date, service string
	signedHeaders           []string // In lower case.
	signature               string
}

var authorizationForm = regexp.MustCompile(`^` + algorithm + ` Credential=([^/, ]+)/(\d{4}-\d\d-\d\d)/([a-z0-9]+)/tc3_request, ?` +
	`SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

func parseAuthorization(header string) (a authorization, ok bool) {
	parts := authorizationForm.FindStringSubmatch(header)
	if parts == nil {
		return authorization{}, false
	}
	a = authorization{parts[1], parts[2], parts[3], strings.Split(parts[4], ";"), parts[5]}
	// The page requires at least these two.
	if !slices.Contains(a.signedHeaders, "content-type") || !slices.Contains(a.signedHeaders, "host") {
		return authorization{}, false
	}
	return a, true
}

// sign computes the signature v3 of a POST to "/", in hexadecimal digits. It is
// written from the API page and shares nothing with the SDK, so that each checks
// the other.
func sign(r *http.Request, body []byte, a authorization, secretKey string) string {
	var headers strings.Builder
	for _, name := range a.signedHeaders {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			// net/http keeps it apart from the headers.
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	canonicalRequest := strings.Join([]string{
		http.MethodPost,
		"/",
		"", // The query. A POST has none.
		headers.String(),
		strings.Join(a.signedHeaders, ";"),
		hexSHA256(body),
	}, "\n")

	stringToSign := strings.Join([]string{
		algorithm,
		r.Header.Get("X-TC-Timestamp"),
		a.date + "/" + a.service + "/tc3_request",
		hexSHA256([]byte(canonicalRequest)),
	}, "\n")

	key := []byte("TC3" + secretKey)
	for _, part := range []string{a.date, a.service, "tc3_request", stringToSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
