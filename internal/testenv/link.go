package testenv

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"k8s.io/client-go/rest"
)

// errCut is what a program finds that has lost its links.
var errCut = errors.New("the link is cut")

// Link is all that joins one program under test to the cluster and to a [Network]. While it is held,
// nothing passes, and what is on its way waits. Once it is cut, nothing ever passes again, as for a
// program that was killed.
type Link struct {
	name string

	mu   sync.Mutex
	held chan struct{} // Closed when it is released; nil if it is not held.
	cut  bool
}

// NewLink returns a link of a program, whose name its connections of a Network have as their
// remote address.
func NewLink(name string) *Link { return &Link{name: name} }

func (l *Link) String() string { return l.name }

// Hold lets nothing pass until Release.
func (l *Link) Hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(chan struct{})
	}
}

// Release ends Hold.
func (l *Link) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held != nil {
		close(l.held)
		l.held = nil
	}
}

// Cut lets nothing pass any more, not even what is on its way.
func (l *Link) Cut() {
	l.mu.Lock()
	l.cut = true
	l.mu.Unlock()
	l.Release()
}

// pass waits while the link is held. It returns an error if the link is cut, or if ctx ends first.
func (l *Link) pass(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	held, cut := l.held, l.cut
	l.mu.Unlock()
	switch {
	case cut:
		return errCut
	case held == nil:
		return nil
	}
	select {
	case <-held:
		return l.pass(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ConfigOf is Config for the program that has a link.
func (c *Cluster) ConfigOf(link *Link) *rest.Config {
	return restConfig(linked{transport{cluster: c}, link})
}

// linked serves requests that go over a link.
type linked struct {
	transport

	link *Link
}

func (l linked) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := l.link.pass(request.Context()); err != nil {
		return nil, err
	}
	response, err := l.transport.RoundTrip(request) //nolint:contextcheck // The request has it.
	if passed := l.link.pass(request.Context()); passed != nil {
		return nil, passed
	}
	if err == nil {
		response.Body = linkedBody{response.Body, request.Context(), l.link}
	}
	return response, err
}

type linkedBody struct {
	io.ReadCloser

	ctx  context.Context //nolint:containedctx // That of the request, whose response it reads.
	link *Link
}

func (b linkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if passed := b.link.pass(b.ctx); passed != nil {
		return 0, passed
	}
	return n, err
}

// DialOver is Dial for the program that has a link.
func (n *Network) DialOver(link *Link) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		if err := link.pass(ctx); err != nil {
			return nil, err
		}
		conn, err := n.dial(ctx, address, link.name)
		return linkedConn{conn, link}, err
	}
}

type linkedConn struct {
	net.Conn

	link *Link
}

func (c linkedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if passed := c.link.pass(context.Background()); passed != nil {
		return 0, passed
	}
	return n, err
}

func (c linkedConn) Write(p []byte) (int, error) {
	if err := c.link.pass(context.Background()); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// named is the end of a connection that knows the name of the other.
type named struct {
	net.Conn

	name string
}

func (n named) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "memory", Name: n.name} }
