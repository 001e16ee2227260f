package clb

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"
)

// maxBodyBytes bounds an answer. Real ones are below 2 KiB; the SDK reads
// whatever arrives, 64 MiB of it cost 379 MiB of memory.
const maxBodyBytes = 1 << 20

// errBodyTooLarge is read instead of the part of a body beyond maxBodyBytes.
var errBodyTooLarge = fmt.Errorf("the answer is larger than %d bytes", maxBodyBytes)

// answerError is an HTTP answer that cannot be the API's: the API answers
// errors, too, with status 200 and JSON.
type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

// newTransport makes the connections that all clients share.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	protocols := new(http.Protocols)
	// One request a connection at a time: on a shared HTTP/2 connection, one
	// that hangs would hang all, and a request given up could still leave the
	// send buffer later and arrive in another second than its slot says.
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
				// On close, drop what has not left yet: a call that was given up
				// must not reach the API later.
				err = tcp.SetLinger(0)
			}
			return conn, err
		},
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		Protocols:             protocols,
		MaxIdleConns:          1024,
		MaxIdleConnsPerHost:   20, // As many as the API's quota lets run in a second.
		IdleConnTimeout:       60 * time.Second,
		ResponseHeaderTimeout: 0, // The call's context bounds the whole.
		DisableCompression:    true,
	}
}

// guard stands between the SDK and the network and lets only plausible answers
// of the API through.
type guard struct{ next http.RoundTripper }

// exchange is what guard notes of one call for whoever made it.
type exchange struct {
	// date is the answer's Date header, zero where there is none.
	date time.Time
	// received is when the header arrived, by this machine's clock.
	received time.Time
	// tooLarge says that the body passed maxBodyBytes: the SDK keeps only the
	// text of an error met while reading.
	tooLarge bool
}

type exchangeKey struct{}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	note, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		note = new(exchange)
	}
	note.received = time.Now()
	note.date, _ = http.ParseTime(response.Header.Get("Date"))
	if err := checkAnswer(response); err != nil {
		// Closing without reading gives the connection up, which suits an answer
		// that came from who knows whom.
		_ = response.Body.Close()
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: maxBodyBytes, note: note}
	return response, nil
}

func checkAnswer(response *http.Response) error {
	status := response.StatusCode
	if status >= 300 && status < 400 {
		// The SDK would follow, and hand X-TC-Token to the other host.
		return &answerError{fmt.Sprintf("HTTP status %d: redirects are refused", status)}
	}
	if status != http.StatusOK {
		return &answerError{fmt.Sprintf("HTTP status %d", status)}
	}
	contentType := response.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(contentType); contentType != "" && (err != nil || media != "application/json" && media != "text/plain") {
		return &answerError{"the answer is not JSON"}
	}
	return nil
}

// boundedBody fails, rather than ends, where the bound is reached: a body cut
// short in silence could still parse.
type boundedBody struct {
	io.ReadCloser
	left int
	note *exchange
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		// One byte more tells a body of just the bound from a larger one.
		var one [1]byte
		n, err := b.ReadCloser.Read(one[:])
		if n > 0 {
			b.note.tooLarge = true
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

// certificateProblem reports whether a connection failed because of the
// server's certificate: nothing to wait for, somebody has to configure trust.
func certificateProblem(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}
