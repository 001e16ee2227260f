package clb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority is a certificate authority of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // Its certificate, as --ca-file takes it.
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der := a.sign(t, template, &a)
	if err := os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// sign makes a key and a certificate for it; the authority signs its own if it has none.
func (a *authority) sign(t *testing.T, template *x509.Certificate, into *authority) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	into.key = key
	if into.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return der
}

// serve starts a server that has a certificate for a host, and answers with it the
// calls of all services.
func (a *authority) serve(t *testing.T, host string) *httptest.Server {
	t.Helper()
	var leaf authority
	der := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, &leaf)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.TLS == nil || r.Host != host {
			w.WriteHeader(http.StatusMisdirectedRequest)
		}
		_, _ = w.Write([]byte(`{"Response":{"Status":0,"AccountId":"100","UserId":"200","RequestId":"r"}}`))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: leaf.key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// dialling replaces only the resolver of a transport: every host is at address.
func dialling(t *testing.T, transport http.RoundTripper, address, host string) {
	t.Helper()
	transport.(validatingTransport).next.(*http.Transport).DialContext = func(ctx context.Context, network, wanted string) (net.Conn, error) {
		if wanted != host+":443" {
			return nil, fmt.Errorf("%s was dialled, not %s", wanted, host)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// TestTheRealHostsOverTLS runs the production path: no endpoint is overridden.
func TestTheRealHostsOverTLS(t *testing.T) {
	a := newAuthority(t)
	for sentence, test := range map[string]struct {
		options        EndpointOptions
		product        Product
		region         string
		wantCLB        string
		wantSTS        string
		without, other bool // Without the authority; with a certificate for another host.
	}{
		"the shared hosts":          {EndpointOptions{}, "", "ap-guangzhou", "clb.tencentcloudapi.com", "sts.tencentcloudapi.com", false, false},
		"a finance region":          {EndpointOptions{}, "", "ap-shanghai-fsi", "clb.ap-shanghai-fsi.tencentcloudapi.com", "sts.ap-shanghai-fsi.tencentcloudapi.com", false, false},
		"the international site":    {EndpointOptions{RootDomain: "intl.tencentcloudapi.com"}, "", "na-ashburn", "clb.intl.tencentcloudapi.com", "sts.intl.tencentcloudapi.com", false, false},
		"inside a VPC":              {EndpointOptions{RootDomain: "internal.tencentcloudapi.com"}, "", "ap-beijing", "clb.internal.tencentcloudapi.com", "sts.internal.tencentcloudapi.com", false, false},
		"regional endpoints":        {EndpointOptions{RegionalEndpoints: true}, "", "ap-beijing", "clb.ap-beijing.tencentcloudapi.com", "sts.tencentcloudapi.com", false, false},
		"gwlb":                      {EndpointOptions{}, GWLB, "ap-guangzhou", "gwlb.tencentcloudapi.com", "sts.tencentcloudapi.com", false, false},
		"gwlb in a finance region":  {EndpointOptions{}, GWLB, "ap-shanghai-fsi", "gwlb.ap-shanghai-fsi.tencentcloudapi.com", "sts.ap-shanghai-fsi.tencentcloudapi.com", false, false},
		"without the authority":     {EndpointOptions{}, "", "ap-guangzhou", "clb.tencentcloudapi.com", "sts.tencentcloudapi.com", true, false},
		"a certificate of another":  {EndpointOptions{}, "", "ap-guangzhou", "clb.tencentcloudapi.com", "sts.tencentcloudapi.com", false, true},
		"another, in a finance one": {EndpointOptions{}, "", "ap-shenzhen-fsi", "clb.ap-shenzhen-fsi.tencentcloudapi.com", "sts.ap-shenzhen-fsi.tencentcloudapi.com", false, true},
	} {
		t.Run(sentence, func(t *testing.T) {
			if !test.without {
				test.options.CAFile = a.file
			}
			endpoints, err := NewEndpoints(test.options)
			if err != nil {
				t.Fatal(err)
			}
			certified := func(host string) string {
				if test.other {
					host = "evil.example"
				}
				return a.serve(t, host).Listener.Addr().String()
			}
			api, err := NewAPI(endpoints, fixed(pair), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			sts := NewSTS(endpoints)
			dialling(t, api.transport, certified(test.wantCLB), test.wantCLB)
			dialling(t, sts.transport, certified(test.wantSTS), test.wantSTS)
			_, polled := api.DescribeTaskStatus(t.Context(), TaskQuery{Product: test.product, Region: test.region, TaskID: "t"})
			_, identified := sts.CallerIdentity(t.Context(), test.region, pair)
			for _, err := range []error{polled, identified} {
				if test.without || test.other {
					if failed := wantError(t, err); failed.Problem != ProblemCertificateUntrusted {
						t.Errorf("got %v", failed)
					}
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
}
