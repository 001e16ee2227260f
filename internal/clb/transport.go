package clb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxHeaderBytes bounds the header of a response. Real ones are below 1 KiB.
const maxHeaderBytes = 64 << 10

// newTransport makes the connections that all clients share.
func newTransport(endpoints Endpoints) *http.Transport {
	dial := endpoints.dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	protocols := new(http.Protocols)
	// One request a connection at a time: on a shared HTTP/2 connection, one
	// that hangs would hang all, and a request given up could still leave the
	// send buffer later and arrive in another second than its slot says.
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
			// net/http refuses any other status than 200, without the header.
			if throttled := throttledByGateway(response); throttled != nil {
				return throttled
			}
			return nil
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
				// On close, drop what has not left yet: a call that was given up
				// must not reach the API later.
				err = tcp.SetLinger(0)
			}
			return conn, err
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: endpoints.roots},
		TLSHandshakeTimeout: 5 * time.Second,
		Protocols:           protocols,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 20, // As many as the API's quota lets run in a second.
		// Tencent Cloud's front end closes idle connections after 60 s. A request
		// that is sent at that moment ends in EOF, so this side closes them first.
		IdleConnTimeout:        50 * time.Second,
		ResponseHeaderTimeout:  0, // The call's context bounds the whole.
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
	}
}

// untrustedCertificate returns why the server's certificate was refused, or nil
// if the connection did not fail because of it.
func untrustedCertificate(err error) error {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return verification.Err
	}
	return nil
}
