package clbsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// sign computes the signature v3 of a POST to "/", as hexadecimal digits (API
// page 1021/34193). It is written from that page and shares nothing with the
// SDK, so that each checks the other.
func sign(r *http.Request, body []byte, a authorization, secretKey string) string {
	var headers strings.Builder
	for _, name := range a.signedHeaders {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			// net/http keeps it apart.
			value = r.Host
		}
		headers.WriteString(name + ":" + strings.ToLower(strings.TrimSpace(value)) + "\n")
	}
	if r.Header.Get("X-TC-Content-SHA256") == unsignedPayload {
		body = []byte(unsignedPayload)
	}
	canonicalRequest := strings.Join([]string{
		http.MethodPost,
		"/",
		"", // The query, of which a POST has none.
		headers.String(),
		strings.Join(a.signedHeaders, ";"),
		hexSHA256(body),
	}, "\n")

	scope := a.date + "/" + a.service + "/tc3_request"
	stringToSign := strings.Join([]string{
		algorithm,
		r.Header.Get("X-TC-Timestamp"),
		scope,
		hexSHA256([]byte(canonicalRequest)),
	}, "\n")

	key := []byte("TC3" + secretKey)
	for _, part := range []string{a.date, a.service, "tc3_request", stringToSign} {
		key = hmacSHA256(key, part)
	}
	return hex.EncodeToString(key)
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
