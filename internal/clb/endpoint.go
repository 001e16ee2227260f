package clb

import (
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
)

// DefaultRootDomain is the root of the hosts of Tencent Cloud's China site.
// Others are intl.tencentcloudapi.com (accounts of the international site) and
// internal.tencentcloudapi.com (inside a VPC).
const DefaultRootDomain = "tencentcloudapi.com"

// serviceSTS is the name of STS in host names and signatures.
const serviceSTS = "sts"

// DefaultFinanceRegions are the finance regions of Tencent Cloud. They are
// isolated and answer on no other host than their own. Treat it as a constant.
var DefaultFinanceRegions = []string{"ap-shanghai-fsi", "ap-shenzhen-fsi", "ap-beijing-fsi"}

// DefaultRegions are the regions that have a host of their own, beside those of
// the finance sector (API page 214/33791, "Request Structure"). Treat it as a
// constant.
var DefaultRegions = []string{
	"ap-bangkok", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-guangzhou", "ap-hongkong", "ap-jakarta", "ap-nanjing",
	"ap-seoul", "ap-shanghai", "ap-singapore", "ap-tokyo", "eu-frankfurt", "na-ashburn", "na-siliconvalley", "sa-saopaulo",
}

// Endpoint is where the calls of a region go.
type Endpoint struct {
	// Scheme is "https", or "http" for loopback hosts.
	Scheme string
	// Host is a host name, with a port unless it is the scheme's own.
	Host string
	// Custom says that this host is the choice of the operator's configuration,
	// not that of Tencent Cloud's naming rule: by an override, by a root domain
	// other than DefaultRootDomain, by regional endpoints, or by a list of finance
	// regions that differs from DefaultFinanceRegions about this region. If such a
	// host does not serve a region, the configuration is at fault, not the region.
	Custom bool
}

// Endpoints is the rule that maps regions to hosts. Only the configuration makes
// hosts: no region that users invent does, since a host is another bucket of the
// quota, other connections and another name to resolve. The zero value gives
// Tencent Cloud's default hosts. Make others with NewEndpoints.
type Endpoints struct {
	// overrides are the endpoints that the configuration names, by region; that
	// of the empty region takes all others.
	overrides map[string]Endpoint
	// sts takes all calls of STS, if the configuration names one.
	sts *Endpoint
	// rootDomain is empty for DefaultRootDomain.
	rootDomain string
	// financeRegions is empty for DefaultFinanceRegions.
	financeRegions []string
	// regional are the regions beside those that have a host of their own.
	regional []string
	// roots are the authorities that the hosts' certificates may come from, nil for
	// those of the system.
	roots *x509.CertPool
	// dial replaces the network, nil for the network itself.
	dial Dial
}

// For returns the endpoint of a product in a region. The first that applies: the
// endpoint that the configuration names for the region, that for all regions, the own
// host of a finance region, the own host of any other region if regional endpoints are
// switched on, the shared host. The endpoints that the configuration names are those of
// all products.
func (e Endpoints) For(product Product, region string) Endpoint {
	for _, key := range []string{region, ""} {
		if override, ok := e.overrides[key]; ok {
			return override
		}
	}
	service := product.service()
	endpoint, finance := e.shared(service, region)
	if !finance && slices.Contains(e.regional, region) {
		return Endpoint{Scheme: "https", Host: service + "." + region + "." + e.root(), Custom: true}
	}
	return endpoint
}

// errNoSTS is the error of a call of STS that must not be made.
var errNoSTS = errors.New("--clb-endpoint replaces Tencent Cloud's hosts for all regions, so its public STS is not called, either: give --sts-endpoint, too")

// STS returns the endpoint of the Security Token Service for a region: the one that
// the configuration names, the own host of a finance region, or the shared host. It
// returns an error that names the flag to give if the configuration sends the CLB
// calls of all regions to a host of its own and names none for STS: a demo or a
// private cloud must not call the public one.
func (e Endpoints) STS(region string) (Endpoint, error) {
	if e.sts != nil {
		return *e.sts, nil
	}
	if _, all := e.overrides[""]; all {
		return Endpoint{}, errNoSTS
	}
	endpoint, _ := e.shared(serviceSTS, region)
	return endpoint, nil
}

// shared returns the host of a service by the rule of the root domain and the
// finance regions, and reports whether region is one of these.
func (e Endpoints) shared(service, region string) (Endpoint, bool) {
	finance := slices.Contains(DefaultFinanceRegions, region)
	custom := e.root() != DefaultRootDomain
	if len(e.financeRegions) > 0 {
		configured := slices.Contains(e.financeRegions, region)
		custom = custom || configured != finance
		finance = configured
	}
	host := service + "." + e.root()
	if finance {
		host = service + "." + region + "." + e.root()
	}
	return Endpoint{Scheme: "https", Host: host, Custom: custom}, finance
}

func (e Endpoints) root() string { return cmp.Or(e.rootDomain, DefaultRootDomain) }
