package clb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// static is a key that needs no account.
type static struct{}

func (static) Credential(context.Context) (Credential, error) {
	return NewCredential("AKIDexample", "a-secret-key", "a-token"), nil
}

func (static) Account() string { return "account" }

// answering answers each request alike.
type answering struct {
	status      int
	contentType string
	body        string
}

func (a answering) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Header: http.Header{"Content-Type": {a.contentType}}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: -1, Request: request,
	}, nil
}

// No answer panics, none ends a task but the API's own word, read here once more without the SDK, and
// no text of an error holds a secret.
func FuzzAnswer(f *testing.F) {
	api, err := NewAPI(Endpoints{}, static{}, time.Minute)
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		`{"Response":{"Status":0,"RequestId":"r","LoadBalancerIds":["lb-1"]}}`, `{"Response":{"Status":1,"Message":"No room.","RequestId":"r"}}`,
		`{"Response":{"Status":2,"RequestId":"r"}}`, `{"Response":{"Status":3,"RequestId":"r"}}`, `{"Response":{"RequestId":"r"}}`, `{"Response":{"Status":0}}`,
		`{"Response":{"Status":"0","RequestId":"r"}}`, `{"Response":{"Status":0.0,"RequestId":"r"}}`, `{"Response":{"Status":null,"RequestId":"r"}}`,
		`{"Response":{"Status":0,"Error":{"Code":"InternalError","Message":"a-secret-key"},"RequestId":"r"}}`, `{"Response":{"Error":{"Code":"AuthFailure"},"RequestId":"r"}}`,
		`{"response":{"status":0,"requestid":"r"}}`, `{"Response":{"Status":1,"Status":0,"RequestId":"r"}}`, `{"Response":{"Status":0,"RequestId":"r"}}{}`,
		`null`, `[]`, ``, `{`, `{"Response":null}`, `{"Response":[]}`, `{"Code":1}`, "<html>", "\xff",
	} {
		f.Add(200, "application/json", body)
	}
	f.Add(500, "application/json", `{"Response":{"Status":0,"RequestId":"r"}}`)
	f.Add(200, "text/html", `{"Response":{"Status":0,"RequestId":"r"}}`)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		api.transport = validatingTransport{answering{status, contentType, body}}
		api.clients.Purge()
		got, err := api.DescribeTaskStatus(t.Context(), TaskQuery{Region: "ap-guangzhou", TaskID: "r"})
		if err != nil {
			var failed *Error
			if !errors.As(err, &failed) {
				t.Fatalf("%q: %v is no *Error", body, err)
			}
			if text := failed.Error() + failed.Message + failed.Code; strings.Contains(text, "a-secret-key") || strings.Contains(text, "a-token") {
				t.Fatalf("%q: a secret is in %q", body, text)
			}
			return
		}
		// encoding/json takes names in any case, as the SDK does; the last of a name counts.
		var answer struct {
			Response struct {
				Status    *int64
				RequestID *string `json:"RequestId"`
				Error     *struct{ Code string }
			}
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%q is no JSON (%v), and reads %+v", body, err, got)
		}
		r := answer.Response
		if r.Status == nil || State(*r.Status) != got.State || r.RequestID == nil || *r.RequestID != got.RequestID || r.Error != nil && r.Error.Code != "" || status != http.StatusOK {
			t.Fatalf("HTTP status %d, %q reads %+v", status, body, got)
		}
	})
}

// Flags and regions make no host but those that the flags name, none of plain http that is not loopback,
// and no region makes a host that was not there without it.
func FuzzHosts(f *testing.F) {
	f.Add("", "", "", "ap-guangzhou")
	f.Add("https://proxy.example.com", "intl.tencentcloudapi.com", "ap-shanghai-fsi", "ap-shanghai-fsi")
	f.Add("ap-guangzhou=http://127.0.0.1:1", "", "", "ap-guangzhou")
	f.Add("http://[::1]:80", "", "xx-new", "xx-new")
	f.Add("http://localhost.example.com", "a..b", "A", "evil.example.com/")
	f.Add("https://user:hunter2@example.com/path?query", "", "", "ap-guangzhou.evil")
	f.Fuzz(func(t *testing.T, override, root, finance, region string) {
		options := EndpointOptions{RootDomain: root, RegionalEndpoints: true}
		if override != "" {
			options.Overrides = []string{override}
		}
		if finance != "" {
			options.FinanceRegions = []string{finance}
		}
		endpoints, err := NewEndpoints(options)
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") && strings.Contains(override, ":hunter2@") {
				t.Fatalf("a password is in %q", err)
			}
			return
		}
		for _, product := range []Product{CLB, GWLB} {
			got := endpoints.For(product, region)
			u, err := url.Parse(got.Scheme + "://" + got.Host)
			if err != nil || u.Host != got.Host || u.User != nil || u.Path != "" {
				t.Fatalf("%q makes the host %q", region, got.Host)
			}
			if address, err := netip.ParseAddr(u.Hostname()); got.Scheme != "https" && u.Hostname() != "localhost" && (err != nil || !address.IsLoopback()) {
				t.Fatalf("%+v is plain http", got)
			}
			if host, _, err := net.SplitHostPort(got.Host); err == nil && host == "" {
				t.Fatalf("%+v has no host", got)
			}
			known := region == finance || endpoints.For(product, "xx-unknown") == got || strings.HasPrefix(override, region+"=")
			for _, one := range append(DefaultRegions, DefaultFinanceRegions...) {
				known = known || one == region
			}
			if !known {
				t.Fatalf("the region %q makes the host %q", region, got.Host)
			}
		}
	})
}
