package clb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHosts(t *testing.T) {
	for sentence, test := range map[string]struct {
		url, root, finance, region string
		product                    Product
		regional                   bool
		regions                    string
		want                       Endpoint
	}{
		"a region answers on the shared host": {
			region: "ap-guangzhou", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"a finance region answers on its own host only": {
			region: "ap-shanghai-fsi", want: Endpoint{Scheme: "https", Host: "clb.ap-shanghai-fsi.tencentcloudapi.com"},
		},
		"an invented finance region makes no host": {
			region: "xx-00000-fsi", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"a region that looks like a finance region of Tencent's makes no host": {
			region: "ap-shanghai-fsi-fsi", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"a finance region that the configuration adds has a host": {
			finance: "ap-nanjing-fsi", region: "ap-nanjing-fsi", want: Endpoint{Scheme: "https", Host: "clb.ap-nanjing-fsi.tencentcloudapi.com", Custom: true},
		},
		"a finance region that the configuration leaves in place stays Tencent's": {
			finance: "ap-nanjing-fsi ap-beijing-fsi", region: "ap-beijing-fsi", want: Endpoint{Scheme: "https", Host: "clb.ap-beijing-fsi.tencentcloudapi.com"},
		},
		"a finance region that the configuration leaves out has none": {
			finance: "ap-nanjing-fsi", region: "ap-shanghai-fsi", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com", Custom: true},
		},
		"the root domain replaces the default": {
			root: "intl.tencentcloudapi.com", region: "na-ashburn", want: Endpoint{Scheme: "https", Host: "clb.intl.tencentcloudapi.com", Custom: true},
		},
		"the default root domain, spelt out, is the default": {
			root: "tencentcloudapi.com", region: "na-ashburn", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"the root domain holds for finance regions, too": {
			root: "internal.tencentcloudapi.com", region: "ap-shenzhen-fsi",
			want: Endpoint{Scheme: "https", Host: "clb.ap-shenzhen-fsi.internal.tencentcloudapi.com", Custom: true},
		},
		"an endpoint takes all regions": {
			url: "https://Proxy.example:8443/", region: "ap-shanghai-fsi",
			want: Endpoint{Scheme: "https", Host: "proxy.example:8443", Custom: true},
		},
		"an endpoint of one region takes that": {
			url: "ap-guangzhou=https://proxy.example", region: "ap-guangzhou",
			want: Endpoint{Scheme: "https", Host: "proxy.example", Custom: true},
		},
		"an endpoint of one region leaves the others": {
			url: "ap-guangzhou=https://proxy.example", region: "ap-beijing",
			want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"the endpoint of a region goes before that of all": {
			url: "https://all.example ap-shanghai-fsi=https://one.example", region: "ap-shanghai-fsi",
			want: Endpoint{Scheme: "https", Host: "one.example", Custom: true},
		},
		"the endpoint of all regions takes those that have none": {
			url: "https://all.example ap-shanghai-fsi=https://one.example", region: "ap-guangzhou",
			want: Endpoint{Scheme: "https", Host: "all.example", Custom: true},
		},
		"plain http goes to loopback": {
			url: "http://127.0.0.1:80", region: "ap-guangzhou", want: Endpoint{Scheme: "http", Host: "127.0.0.1:80", Custom: true},
		},
		"plain http goes to loopback of IPv6": {
			url: "http://[::1]:8080", region: "ap-guangzhou", want: Endpoint{Scheme: "http", Host: "[::1]:8080", Custom: true},
		},
		"plain http goes to localhost": {
			url: "http://localhost", region: "ap-guangzhou", want: Endpoint{Scheme: "http", Host: "localhost", Custom: true},
		},
		"regional endpoints give a region a host of its own": {
			regional: true, region: "ap-guangzhou", want: Endpoint{Scheme: "https", Host: "clb.ap-guangzhou.tencentcloudapi.com", Custom: true},
		},
		"regional endpoints follow the root domain": {
			regional: true, root: "intl.tencentcloudapi.com", region: "na-ashburn",
			want: Endpoint{Scheme: "https", Host: "clb.na-ashburn.intl.tencentcloudapi.com", Custom: true},
		},
		"regional endpoints give none to an invented region": {
			regional: true, region: "xx-00000", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"regional endpoints give one to a region that the configuration adds": {
			regional: true, regions: "ap-new", region: "ap-new", want: Endpoint{Scheme: "https", Host: "clb.ap-new.tencentcloudapi.com", Custom: true},
		},
		"regions that the configuration adds do not switch regional endpoints on": {
			regions: "ap-new", region: "ap-new", want: Endpoint{Scheme: "https", Host: "clb.tencentcloudapi.com"},
		},
		"a finance region stays what it is beside regional endpoints": {
			regional: true, regions: "ap-shanghai-fsi", region: "ap-shanghai-fsi",
			want: Endpoint{Scheme: "https", Host: "clb.ap-shanghai-fsi.tencentcloudapi.com"},
		},
		"the endpoint of a region goes before regional endpoints": {
			regional: true, url: "ap-guangzhou=https://proxy.example", region: "ap-guangzhou",
			want: Endpoint{Scheme: "https", Host: "proxy.example", Custom: true},
		},
		"the endpoint of all regions goes before regional endpoints, too": {
			regional: true, url: "https://proxy.example", region: "ap-guangzhou", want: Endpoint{Scheme: "https", Host: "proxy.example", Custom: true},
		},
		"gwlb has a host of its own": {
			product: GWLB, region: "ap-guangzhou", want: Endpoint{Scheme: "https", Host: "gwlb.tencentcloudapi.com"},
		},
		"gwlb has one in a finance region, too": {
			product: GWLB, region: "ap-shanghai-fsi", want: Endpoint{Scheme: "https", Host: "gwlb.ap-shanghai-fsi.tencentcloudapi.com"},
		},
		"gwlb has one in each region if these are switched on": {
			product: GWLB, regional: true, region: "ap-guangzhou",
			want: Endpoint{Scheme: "https", Host: "gwlb.ap-guangzhou.tencentcloudapi.com", Custom: true},
		},
		"the root domain holds for gwlb": {
			product: GWLB, root: "intl.tencentcloudapi.com", region: "na-ashburn",
			want: Endpoint{Scheme: "https", Host: "gwlb.intl.tencentcloudapi.com", Custom: true},
		},
		"an endpoint takes gwlb, too": {
			product: GWLB, url: "https://proxy.example", region: "ap-guangzhou", want: Endpoint{Scheme: "https", Host: "proxy.example", Custom: true},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			endpoints, err := NewEndpoints(EndpointOptions{
				RootDomain: test.root, FinanceRegions: strings.Fields(test.finance), Overrides: strings.Fields(test.url),
				RegionalEndpoints: test.regional, Regions: strings.Fields(test.regions),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := endpoints.For(test.product, test.region); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got := endpoints.For(CLB, test.region); test.product == "" && got != test.want {
				t.Errorf("no product is CLB, got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestHostsOfSTS(t *testing.T) {
	for sentence, test := range map[string]struct {
		options EndpointOptions
		region  string
		want    Endpoint
	}{
		"a region is served by the shared host":        {EndpointOptions{}, "ap-guangzhou", Endpoint{"https", "sts.tencentcloudapi.com", false}},
		"a finance region is served by a host its own": {EndpointOptions{}, "ap-shenzhen-fsi", Endpoint{"https", "sts.ap-shenzhen-fsi.tencentcloudapi.com", false}},
		"the root domain holds": {
			EndpointOptions{RootDomain: "intl.tencentcloudapi.com"}, "na-ashburn", Endpoint{"https", "sts.intl.tencentcloudapi.com", true},
		},
		"the list of finance regions holds": {
			EndpointOptions{FinanceRegions: []string{"ap-nanjing-fsi"}}, "ap-nanjing-fsi", Endpoint{"https", "sts.ap-nanjing-fsi.tencentcloudapi.com", true},
		},
		"regional endpoints are of CLB alone": {
			EndpointOptions{RegionalEndpoints: true}, "ap-guangzhou", Endpoint{"https", "sts.tencentcloudapi.com", false},
		},
		"an endpoint of STS takes all": {
			EndpointOptions{STSEndpoint: "https://sts.example"}, "ap-shenzhen-fsi", Endpoint{"https", "sts.example", true},
		},
		"an endpoint of STS goes with one of CLB": {
			EndpointOptions{STSEndpoint: "http://127.0.0.1:1", Overrides: []string{"http://127.0.0.1:2"}}, "ap-guangzhou", Endpoint{"http", "127.0.0.1:1", true},
		},
		"an endpoint of CLB for one region leaves STS": {
			EndpointOptions{Overrides: []string{"ap-guangzhou=https://proxy.example"}}, "ap-guangzhou", Endpoint{"https", "sts.tencentcloudapi.com", false},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			endpoints, err := NewEndpoints(test.options)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := endpoints.STS(test.region); err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestWithAnEndpointOfAllRegionsThePublicSTSIsNotCalled(t *testing.T) {
	endpoints, err := NewEndpoints(EndpointOptions{Overrides: []string{"https://private.example", "ap-beijing=https://other.example"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, region := range []string{"ap-guangzhou", "ap-shanghai-fsi", "ap-beijing", ""} {
		if endpoint, err := endpoints.STS(region); err == nil || !shows(err.Error(), "give --sts-endpoint") {
			t.Errorf("%s: got %+v, %v", region, endpoint, err)
		}
	}
	if _, err := NewSTS(endpoints).CallerIdentity(t.Context(), "ap-guangzhou", pair); !errors.Is(err, errNoSTS) {
		t.Errorf("got %v", err)
	}
}

func TestBadCAFilesAreRefused(t *testing.T) {
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for sentence, path := range map[string]string{
		"a file that is not there":  filepath.Join(t.TempDir(), "none"),
		"a directory":               t.TempDir(),
		"an empty file":             file(""),
		"a file without PEM blocks": file("MIIB"),
		"a file of another type":    file("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		"a broken certificate":      file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	} {
		if _, err := NewEndpoints(EndpointOptions{CAFile: path}); err == nil || !shows(err.Error(), "--ca-file") {
			t.Errorf("%s: got %v", sentence, err)
		}
	}
}

func TestBadEndpointsAreRefused(t *testing.T) {
	for sentence, test := range map[string]struct{ url, root, finance, regions, sts string }{
		"plain http to a host that is not loopback":  {url: "http://clb.tencentcloudapi.com"},
		"plain http to a name that looks like it":    {url: "http://localhost.example.com"},
		"plain http to a private address":            {url: "http://10.0.0.1"},
		"another scheme":                             {url: "ftp://127.0.0.1"},
		"no scheme":                                  {url: "clb.tencentcloudapi.com"},
		"no host":                                    {url: "https://"},
		"a path":                                     {url: "https://proxy.example/clb"},
		"a query":                                    {url: "https://proxy.example/?a=b"},
		"a password":                                 {url: "https://user:hunter2@proxy.example"},
		"a port that is none":                        {url: "https://proxy.example:99999"},
		"plain http for one region":                  {url: "ap-guangzhou=http://proxy.example"},
		"what is no region before the URL":           {url: "Guangzhou=https://proxy.example"},
		"a region without a URL":                     {url: "ap-guangzhou="},
		"two of one region":                          {url: "ap-guangzhou=https://a.example ap-guangzhou=https://b.example"},
		"two of all regions":                         {url: "https://a.example https://b.example"},
		"what is no URL":                             {url: "https://user:hunter2@%zz"},
		"a root domain of one label":                 {root: "com"},
		"a root domain with an empty label":          {root: "a..com"},
		"a root domain that brings a path":           {root: "evil.example/x"},
		"a root domain with a port":                  {root: "evil.example:1"},
		"a root domain that ends in a dot":           {root: "tencentcloudapi.com."},
		"a root domain that would split a host name": {root: "a b.com"},
		"a finance region in capital letters":        {finance: "AP-Shanghai-FSI"},
		"a finance region that brings a host":        {finance: "evil.example/"},
		"one word for a finance region":              {finance: "shanghai"},
		"a finance region of nothing":                {finance: "ap-shanghai-fsi,"},
		"a space before a finance region":            {finance: "ap-shanghai-fsi, ap-beijing-fsi"},
		"a region that brings a host":                {regions: "evil.example/"},
		"plain http to STS":                          {sts: "http://sts.example"},
		"an endpoint of STS for one region":          {sts: "ap-guangzhou=https://sts.example"},
		"a password for STS":                         {sts: "https://user:hunter2@sts.example"},
	} {
		t.Run(sentence, func(t *testing.T) {
			options := EndpointOptions{
				RootDomain: test.root, Overrides: strings.Fields(test.url), Regions: strings.Fields(test.regions), STSEndpoint: test.sts,
			}
			if test.finance != "" {
				options.FinanceRegions = strings.Split(test.finance, ",")
			}
			_, err := NewEndpoints(options)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if test.finance != "" && !shows(err.Error(), "--clb-finance-regions") {
				t.Errorf("the error does not name the flag: %v", err)
			}
			if test.sts != "" && !shows(err.Error(), "--sts-endpoint") || test.regions != "" && !shows(err.Error(), "--clb-regions") {
				t.Errorf("the error does not name the flag: %v", err)
			}
			if shows(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestInventedRegionsMakeNoHosts(t *testing.T) {
	hosts := map[string]bool{}
	for _, options := range []EndpointOptions{{}, {RootDomain: "intl.tencentcloudapi.com"}, {RegionalEndpoints: true}} {
		endpoints, err := NewEndpoints(options)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3000 {
			for _, product := range []Product{CLB, GWLB} {
				hosts[endpoints.For(product, fmt.Sprintf("xx-%05d-fsi", n)).Host] = true
				hosts[endpoints.For(product, fmt.Sprintf("ap-%05d", n)).Host] = true
			}
		}
	}
	if len(hosts) != 4 {
		t.Errorf("%d hosts", len(hosts))
	}
}
