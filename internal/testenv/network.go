package testenv

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Network is a network in memory. Clients and servers of HTTP meet there in a
// bubble, in which nothing may wait for a socket.
type Network struct {
	// Authority is the certificate, as PEM, of the authority that hosts of port 443 have
	// theirs from.
	Authority []byte

	hosts map[string]listener
}

// NewNetwork serves handlers at hosts, such as "clb.example:443", to the end of the
// test. Port 443 speaks TLS.
func NewNetwork(tb testing.TB, hosts map[string]http.Handler) *Network {
	tb.Helper()
	n := &Network{hosts: map[string]listener{}}
	var secure tls.Config
	secure.Certificates, n.Authority = certificates(tb, slices.Collect(maps.Keys(hosts)))
	for host, handler := range hosts {
		ended := make(chan struct{})
		l := listener{conns: make(chan net.Conn), ended: ended, end: sync.OnceFunc(func() { close(ended) })}
		n.hosts[host] = l
		// What a client breaks off is no error.
		server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // No client is slow on purpose.
		serve := func() { _ = server.Serve(l) }
		if strings.HasSuffix(host, ":443") {
			server.TLSConfig = secure.Clone()
			serve = func() { _ = server.ServeTLS(l, "", "") }
		}
		go serve()
		tb.Cleanup(func() { _ = server.Close() })
	}
	return n
}

// certificates returns one that signs itself, for all hosts.
func certificates(tb testing.TB, hosts []string) ([]tls.Certificate, []byte) {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	for _, host := range hosts {
		name, _, _ := strings.Cut(host, ":")
		template.DNSNames = append(template.DNSNames, name)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Dial connects to a host, as net.Dialer.DialContext does.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	return n.dial(ctx, address, "pipe")
}

func (n *Network) dial(ctx context.Context, address, name string) (net.Conn, error) {
	l, ok := n.hosts[address]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	select {
	case l.conns <- named{server, name}:
		return client, nil
	case <-l.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listener is a net.Listener of pipes.
type listener struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error { l.end(); return nil }

func (listener) Addr() net.Addr { return &net.UnixAddr{Net: "memory"} }
