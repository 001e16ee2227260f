package clbsim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Server is a [Simulator] that listens.
type Server struct {
	// URL is where it listens, such as "http://127.0.0.1:34567".
	URL string
	// Roots trusts the server; it is nil without TLS.
	Roots *x509.CertPool
	// CertificatePEM is the certificate in Roots; it is nil without TLS.
	CertificatePEM []byte

	addr  string
	http  *http.Server
	ended chan struct{}
}

// Start listens for HTTP on addr ("127.0.0.1:0" is a free port). It fails when
// addr cannot be listened on.
func (s *Simulator) Start(addr string) (*Server, error) {
	listener, err := listen(addr)
	if err != nil {
		return nil, err
	}
	return s.serve(listener, "http"), nil
}

// StartTLS listens for HTTPS on addr, with a new self-signed certificate for
// the names (host names, "*" patterns or IP addresses), localhost and the
// loopback addresses. It fails when addr cannot be listened on.
func (s *Simulator) StartTLS(addr string, names ...string) (*Server, error) {
	cert, err := selfSigned(names)
	if err != nil {
		return nil, fmt.Errorf("making a certificate: %w", err)
	}
	listener, err := listen(addr)
	if err != nil {
		return nil, err
	}
	// Without HTTP/2, whose streams cannot be reset as connections can.
	listener = tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{cert.pair},
		NextProtos:   []string{"http/1.1"},
	})
	server := s.serve(listener, "https")
	server.Roots = cert.pool
	server.CertificatePEM = cert.pem
	return server, nil
}

func listen(addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return listener, nil
}

func (s *Simulator) serve(listener net.Listener, scheme string) *Server {
	addr := listener.Addr().String()
	server := &Server{
		URL:  scheme + "://" + addr,
		addr: addr,
		http: &http.Server{
			Handler:           s,
			ReadHeaderTimeout: 10 * time.Second,
			MaxHeaderBytes:    64 << 10,
			// All it would say is that clients went away or distrust the
			// certificate, which tests do on purpose.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(server.ended)
		// It always ends with an error, and by Close alone.
		_ = server.http.Serve(listener)
	}()
	return server
}

// Close stops listening and drops all connections, answered or not.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.ended
	return err
}

// Transport returns a new transport that trusts the server and connects to it
// whatever host name is asked, so that clients may use the real ones.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.addr)
		},
		TLSClientConfig:     &tls.Config{RootCAs: s.Roots},
		MaxIdleConnsPerHost: 100,
	}
}
