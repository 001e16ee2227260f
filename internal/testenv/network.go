package testenv

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
)

// Network is a network in memory. Clients and servers of HTTP meet there in a
// bubble, in which nothing may wait for a socket.
type Network struct{ hosts map[string]listener }

// NewNetwork serves handlers at hosts, such as "clb.example:443", to the end of the
// test.
func NewNetwork(tb testing.TB, hosts map[string]http.Handler) *Network {
	tb.Helper()
	n := &Network{map[string]listener{}}
	for host, handler := range hosts {
		ended := make(chan struct{})
		l := listener{conns: make(chan net.Conn), ended: ended, end: sync.OnceFunc(func() { close(ended) })}
		n.hosts[host] = l
		// What a client breaks off is no error.
		server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // No client is slow on purpose.
		go func() { _ = server.Serve(l) }()
		tb.Cleanup(func() { _ = server.Close() })
	}
	return n
}

// Dial connects to a host, as net.Dialer.DialContext does.
func (n *Network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	l, ok := n.hosts[address]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	}
	client, server := net.Pipe()
	select {
	case l.conns <- server:
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
