package credentials

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const metadataPath = "/latest/meta-data/cam/security-credentials/"

// dialTo is a network of one address.
func dialTo(address string) clb.Dial {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// metadataOf serves the names of roles and their credentials.
func metadataOf(t *testing.T, name http.HandlerFunc, credential string) clb.Dial {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+metadataPath+"{$}", name)
	mux.HandleFunc("GET "+metadataPath+"{role}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("role") != "the-role" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(credential))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return dialTo(server.Listener.Addr().String())
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func TestCVMRoles(t *testing.T) {
	expires := time.Now().Add(6 * time.Hour).Unix()
	issued := fmt.Sprintf(`{"TmpSecretId":"tmp-id","TmpSecretKey":"tmp-key","Token":"tmp-token","ExpiredTime":%d,"Code":"Success"}`, expires)
	without := func(part string) string { return strings.ReplaceAll(issued, part, "") }
	for sentence, test := range map[string]struct {
		name       http.HandlerFunc
		credential string
		text       string // Of the error; empty for none.
	}{
		"a role is bound":                    {says("the-role"), issued, ""},
		"a role's name may end in a newline": {says("the-role\n"), issued, ""},
		"no role is bound":                   {http.NotFound, issued, "no role is bound"},
		"an empty name":                      {says(""), issued, "names no role"},
		"a page instead of a name":           {says("<html>"), issued, "names no role"},
		"a name that leaves the path":        {says("../../../x"), issued, "names no role"},
		"a role that is unbound meanwhile":   {says("another"), issued, "no role is bound"},
		"a fault":                            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, issued, "HTTP status 500"},
		"a redirect": {func(w http.ResponseWriter, _ *http.Request) {
			http.Redirect(w, new(http.Request), "http://127.0.0.1:1/", http.StatusFound)
		}, issued, "HTTP status 302"},
		"a refusal":                  {says("the-role"), strings.Replace(issued, "Success", "Failed", 1), `not Success but "Failed"`},
		"an answer that is not JSON": {says("the-role"), issued[:60], "not JSON"},
		"a huge answer":              {says("the-role"), issued + strings.Repeat(" ", 70_000), "larger than"},
		"no SecretId":                {says("the-role"), without("tmp-id"), "no SecretId"},
		"no SecretKey":               {says("the-role"), without("tmp-key"), "no SecretKey"},
		"no token":                   {says("the-role"), without("tmp-token"), "no token"},
		"no expiry":                  {says("the-role"), without(fmt.Sprintf(`"ExpiredTime":%d,`, expires)), "no expiry"},
	} {
		t.Run(sentence, func(t *testing.T) {
			source := newCVMRole(metadataOf(t, test.name, test.credential))
			c, err := source.Credential(t.Context())
			if test.text == "" {
				if err != nil || c != clb.NewCredential("tmp-id", "tmp-key", "tmp-token") || source.session.Expires.Unix() != expires {
					t.Errorf("got %v, %v", c, err)
				}
				return
			}
			if !errors.Is(err, clb.ErrNoCredentials) || !strings.Contains(err.Error(), "metadata service") || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v", err)
			}
			for _, secret := range []string{"tmp-id", "tmp-key", "tmp-token"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%v shows %s", err, secret)
				}
			}
		})
	}
}

func TestAMetadataServiceThatDoesNotAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dial := metadataOf(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	}, "")
	defer cancel()
	begun := time.Now()
	_, err := newCVMRole(dial).Credential(t.Context())
	if took := time.Since(begun); !errors.Is(err, clb.ErrNoCredentials) || took < metadataTimeout || took > 4*metadataTimeout {
		t.Errorf("got %v after %v", err, took)
	}
	if _, err := newCVMRole(dialTo("127.0.0.1:1")).Credential(t.Context()); !errors.Is(err, clb.ErrNoCredentials) || !strings.HasSuffix(err.Error(), ": it cannot be reached: run the operator on a CVM, and let NetworkPolicies pass metadata.tencentyun.com") {
		t.Errorf("got %v", err)
	}
}

// The text is shown as a condition, so it must be the same each time.
func TestAMetadataServiceThatBreaksOff(t *testing.T) {
	dial := metadataOf(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nthe-")
		_ = buffer.Flush()
		_ = conn.(*net.TCPConn).SetLinger(0) // A reset, whose error names ports.
		_ = conn.Close()
	}, "")
	if _, err := newCVMRole(dial).Credential(t.Context()); !errors.Is(err, clb.ErrNoCredentials) || !strings.HasSuffix(err.Error(), ": its answer breaks off") {
		t.Errorf("got %v", err)
	}
}

func TestTheMetadataServiceOfAMachine(t *testing.T) {
	source := newCVMRole(nil)
	if newMetadata(nil).client.Transport.(*http.Transport).Proxy != nil {
		t.Error("it is reached through a proxy, which would answer for its own machine")
	}
	if source.Account() != "CVM role" {
		t.Errorf("the account is %s", source.Account())
	}
	if got := metadataURL; got != "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/" {
		t.Errorf("it is at %s", got)
	}
}
