package clb

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBodyBytes bounds the body of a response. Real ones are below 2 KiB; the SDK
// reads any size, and 64 MiB cost 379 MiB of memory.
const maxBodyBytes = 1 << 20

// maxRetryAfter bounds how long a Retry-After header keeps the next call back.
const maxRetryAfter = time.Minute

// errBodyTooLarge is read instead of the part of a body beyond maxBodyBytes.
var errBodyTooLarge = fmt.Errorf("the answer is larger than %d bytes", maxBodyBytes)

// responseError is an HTTP response that does not come from the API itself: the
// API answers errors, too, with status 200 and JSON.
type responseError struct {
	code, text string // The code is one of ownCodes.
	retryAfter time.Duration
}

// Error implements error.
func (e *responseError) Error() string { return e.text }

func unusable(format string, args ...any) *responseError {
	return &responseError{code: "ClientError.HTTP", text: fmt.Sprintf(format, args...)}
}

// responseInfo is what validatingTransport keeps of a response for the caller.
type responseInfo struct {
	// date is the Date header of the response, zero if it has none.
	date time.Time
	// received is when the header arrived, by this machine's clock.
	received time.Time
	// retryAfter is that of the header, from 0 (it has none) to maxRetryAfter.
	retryAfter time.Duration
	// tooLarge says that the body passed maxBodyBytes: the SDK keeps only the
	// text of an error met while reading.
	tooLarge bool
}

// responseInfoKey is the key of a *responseInfo in the context of a request.
type responseInfoKey struct{}

// validatingTransport stands between the SDK and the network. It refuses
// responses that cannot be the API's, and bounds the others.
type validatingTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t validatingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	info, ok := request.Context().Value(responseInfoKey{}).(*responseInfo)
	if !ok {
		info = new(responseInfo)
	}
	info.received = time.Now()
	info.date, _ = http.ParseTime(response.Header.Get("Date"))
	info.retryAfter = retryAfterOf(response)
	if refused := checkResponse(response); refused != nil {
		// Closing without reading gives the connection up. That is safest, since
		// the response comes from an unknown server.
		_ = response.Body.Close()
		return nil, refused
	}
	// The SDK fails on "identity".
	response.Header.Del("Content-Encoding")
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxBodyBytes, info: info}
	return response, nil
}

// checkResponse returns why a response cannot be the API's, or nil.
func checkResponse(response *http.Response) *responseError {
	status := response.StatusCode
	if throttled := throttledByGateway(response); throttled != nil {
		return throttled
	}
	if status >= 300 && status < 400 {
		// The SDK would follow, and hand X-TC-Token to the other host.
		return unusable("HTTP status %d: redirects are refused", status)
	}
	if status != http.StatusOK {
		return unusable("HTTP status %d", status)
	}
	// The SDK decodes gzip and deflate, with no bound and past the time-out.
	// The request accepts none, so the API has no reason to use one.
	for _, encodings := range response.Header.Values("Content-Encoding") {
		for encoding := range strings.SplitSeq(encodings, ",") {
			if encoding = strings.TrimSpace(encoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
				return unusable("the answer has the content encoding %q, which is refused", encodings)
			}
		}
	}
	contentType := response.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(contentType); contentType != "" && (err != nil || media != "application/json" && media != "text/plain") {
		return unusable("the answer is not JSON")
	}
	return nil
}

// throttledByGateway returns an error if the response is that of a gateway or
// proxy in front of the API that limits the rate of calls: status 429, or 503
// with a time to come back. It returns nil otherwise.
func throttledByGateway(response *http.Response) *responseError {
	status := response.StatusCode
	if status != http.StatusTooManyRequests && (status != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "") {
		return nil
	}
	return &responseError{
		code:       fmt.Sprintf("ClientError.HTTP%d", status),
		text:       fmt.Sprintf("HTTP status %d: a gateway in front of the API says to call again later", status),
		retryAfter: retryAfterOf(response),
	}
}

// retryAfterOf reads the Retry-After header. A date counts from the response's
// own, since the two clocks may differ.
func retryAfterOf(response *http.Response) time.Duration {
	now, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return retryAfter(response.Header.Get("Retry-After"), now)
}

// retryAfter reads the value of a Retry-After header: seconds or an HTTP date
// (RFC 9110, 10.2.3). It returns 0 if the value is neither, or in the past, and
// at most maxRetryAfter.
func retryAfter(value string, now time.Time) time.Duration {
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	// A number that is out of range comes with the nearest one, and 0 comes with
	// any other error.
	seconds, _ := strconv.ParseInt(value, 10, 64)
	return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
}

// boundedBody fails, rather than ends, at the bound: a body that is truncated in
// silence could still parse.
type boundedBody struct {
	io.ReadCloser
	left int
	info *responseInfo
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more separates a body of just the bound from a larger one.
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			b.info.tooLarge = true
			return 0, errBodyTooLarge
		}
		return 0, err
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	return n, err
}
