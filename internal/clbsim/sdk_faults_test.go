package clbsim_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// TestFaultsAsTheSDKSeesThem pins down what the SDK makes of each fault, which
// is what internal/clb must cope with.
func TestFaultsAsTheSDKSeesThem(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  clbsim.Fault
		code   string
		text   string // Part of the error.
		status *int64
	}{
		"latency only takes time": {
			fault: clbsim.Fault{Kind: clbsim.Latency, Delay: 1}, status: new(int64(0))},
		"a reset is a network error": {
			fault: clbsim.Fault{Kind: clbsim.Reset}, code: "ClientError.NetworkError", text: "connection reset by peer"},
		"a bad gateway is a body that is no JSON": {
			fault: clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 502}, code: "ClientError.ParseJsonError", text: "<h1>502 Bad Gateway</h1>"},
		"a redirect is followed to wherever it leads": {
			fault: clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 307, Location: "ftp://example.com"}, code: "ClientError.NetworkError", text: "ftp"},
		"a broken body": {
			fault: clbsim.Fault{Kind: clbsim.BrokenBody}, code: "ClientError.ParseJsonError"},
		"a short body that is complete": {
			fault: clbsim.Fault{Kind: clbsim.ShortBody}, code: "ClientError.ParseJsonError", text: "unexpected end of JSON"},
		"a short body that claims to be whole": {
			fault: clbsim.Fault{Kind: clbsim.ShortBody, ClaimWhole: true}, code: "ClientError.ParseJsonError", text: "unexpected EOF"},
		"a huge body is read to its end": {
			fault: clbsim.Fault{Kind: clbsim.HugeBody, MiB: 2}, status: new(int64(0))},
		"an empty object is no error": {
			fault: clbsim.Fault{Kind: clbsim.EmptyObject}},
		"a null status is no error": {
			fault: clbsim.Fault{Kind: clbsim.NullStatus}},
		"an unknown status is told as it is": {
			fault: clbsim.Fault{Kind: clbsim.UnknownStatus, Value: 7}, status: new(int64(7))},
		"an error code is told as it is": {
			fault: clbsim.Fault{Kind: clbsim.ErrorCode, Code: "InternalError", Message: "try again"}, code: "InternalError", text: "try again"},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			sim, server := serveTLS(t, clbsim.Config{})
			sim.AddTask(clbsim.Task{ID: "t"})
			sim.AddFault(test.fault)

			got, err := describe(t.Context(), sdk(t, server, permanent, "ap-guangzhou", ""), "t")
			if code := codeOf(t, err); code != test.code {
				t.Fatalf("the SDK says %v, want the code %q", err, test.code)
			}
			if test.text != "" && !strings.Contains(err.Error(), test.text) {
				t.Errorf("the SDK says %v, want %q", err, test.text)
			}
			if got != nil && (got.Status == nil) != (test.status == nil) {
				t.Errorf("the SDK reads %+v", got)
			}
			if got != nil && got.Status != nil && *got.Status != *test.status {
				t.Errorf("the SDK reads the status %d, want %d", *got.Status, *test.status)
			}
			if call := sim.Calls()[0]; call.Fault != string(test.fault.Kind) || call.Code != "" && call.Code != test.fault.Code {
				t.Errorf("the log says %+v", call)
			}
		})
	}
}

func TestNullBodyPanicsInTheSDK(t *testing.T) {
	t.Parallel()
	sim, server := serveTLS(t, clbsim.Config{})
	sim.AddFault(clbsim.Fault{Kind: clbsim.NullBody})
	defer func() {
		if recover() == nil {
			t.Error("the SDK has learnt to read null: internal/clb need not recover any more")
		}
	}()
	_, err := describe(t.Context(), sdk(t, server, permanent, "ap-guangzhou", ""), "t")
	t.Errorf("the SDK says %v", err)
}

func TestHangLastsUntilTheSDKGivesUp(t *testing.T) {
	t.Parallel()
	sim, server := serveTLS(t, clbsim.Config{})
	ctx, giveUp := context.WithCancel(t.Context())
	sim.AddFault(clbsim.Fault{Kind: clbsim.Hang, Match: func(clbsim.Call) bool { giveUp(); return true }})
	_, err := describe(ctx, sdk(t, server, permanent, "ap-guangzhou", ""), "t")
	if codeOf(t, err) != "ClientError.NetworkError" || !errors.Is(err, context.Canceled) {
		t.Errorf("the SDK says %v", err)
	}
}

// TestFaultsOnTheWire looks at what the SDK hides.
func TestFaultsOnTheWire(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault  clbsim.Fault
		status int
		header map[string]string
		check  func(t *testing.T, body []byte)
	}{
		"an event stream": {
			fault: clbsim.Fault{Kind: clbsim.WrongContentType}, status: 200,
			header: map[string]string{"Content-Type": "text/event-stream"},
			check: func(t *testing.T, body []byte) {
				t.Helper()
				if !json.Valid(body) {
					t.Errorf("the body is %q", body)
				}
			},
		},
		"a redirect": {
			fault: clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 307, Location: "https://example.com/"}, status: 307,
			header: map[string]string{"Location": "https://example.com/", "Content-Type": "text/html"},
		},
		"too many requests": {
			fault: clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 429, RetryAfter: "5"}, status: 429,
			header: map[string]string{"Retry-After": "5", "Location": ""},
			check: func(t *testing.T, body []byte) {
				t.Helper()
				if !bytes.Contains(body, []byte("<h1>429 Too Many Requests</h1>")) {
					t.Errorf("the body is %q", body)
				}
			},
		},
		"a huge body": {
			fault: clbsim.Fault{Kind: clbsim.HugeBody, MiB: 3}, status: 200,
			check: func(t *testing.T, body []byte) {
				t.Helper()
				if len(body) <= 3<<20 || !json.Valid(body) {
					t.Errorf("the body has %d bytes, valid: %v", len(body), json.Valid(body))
				}
			},
		},
		"an empty object": {
			fault: clbsim.Fault{Kind: clbsim.EmptyObject}, status: 200,
			header: map[string]string{"Content-Type": "application/json", "Content-Length": "2"},
		},
	}
	for sentence, test := range tests {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			sim, server := serveTLS(t, clbsim.Config{})
			sim.AddFault(test.fault)
			transport := server.Transport()
			defer transport.CloseIdleConnections()
			response, body := post(t, sim, transport, server)
			if response.StatusCode != test.status {
				t.Errorf("answered HTTP %d", response.StatusCode)
			}
			for name, want := range test.header {
				if got := response.Header.Get(name); got != want {
					t.Errorf("the header %s is %q, want %q", name, got, want)
				}
			}
			if test.check != nil {
				test.check(t, body)
			}
		})
	}
}

// keep is a transport that keeps what comes over the wire.
type keep struct {
	http.RoundTripper
	response *http.Response
	body     []byte
}

func (k *keep) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := k.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if k.body, err = io.ReadAll(response.Body); err != nil {
		return nil, err
	}
	if err := response.Body.Close(); err != nil {
		return nil, err
	}
	k.response = response
	return nil, errors.New("seen enough")
}

// post lets the SDK sign a request and returns the answer before the SDK sees it.
func post(t *testing.T, sim *clbsim.Simulator, transport http.RoundTripper, server *clbsim.Server) (*http.Response, []byte) {
	t.Helper()
	sim.AddTask(clbsim.Task{ID: "t"})
	client := sdk(t, server, permanent, "ap-guangzhou", "")
	seen := &keep{RoundTripper: transport}
	client.WithHttpTransport(seen)
	if _, err := describe(t.Context(), client, "t"); seen.response == nil {
		t.Fatalf("no answer came: %v", err)
	}
	return seen.response, seen.body
}

func TestResetIsOneOfTCP(t *testing.T) {
	t.Parallel()
	sim := clbsim.New(clbsim.Config{})
	sim.AddFault(clbsim.Fault{Kind: clbsim.Reset})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, server)
	if err := plainPost(server); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v", err)
	}
}

func TestTLSSpeaksHTTP1(t *testing.T) {
	t.Parallel()
	_, server := serveTLS(t, clbsim.Config{})
	transport := server.Transport()
	transport.ForceAttemptHTTP2 = true
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	response, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, response.Body)
	if response.ProtoMajor != 1 {
		t.Errorf("it speaks %s", response.Proto)
	}
	if response.TLS == nil || response.TLS.Version < tls.VersionTLS12 {
		t.Errorf("its TLS is %+v", response.TLS)
	}
}
