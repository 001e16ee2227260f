package clb

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DefaultRootDomain is the root of the hosts of Tencent Cloud's China site.
// Others are intl.tencentcloudapi.com (accounts of the international site) and
// internal.tencentcloudapi.com (inside a VPC).
const DefaultRootDomain = "tencentcloudapi.com"

// service is the name of the product in host names and signatures.
const service = "clb"

// DefaultFinanceRegions are the finance regions of Tencent Cloud. They are
// isolated and answer on no other host than their own. Treat it as a constant.
var DefaultFinanceRegions = []string{"ap-shanghai-fsi", "ap-shenzhen-fsi", "ap-beijing-fsi"}

// Endpoint is where the calls of a region go.
type Endpoint struct {
	// Scheme is "https", or "http" for loopback hosts.
	Scheme string
	// Host is a host name, with a port unless it is the scheme's own.
	Host string
	// Custom says that this host is the choice of the operator's configuration,
	// not that of Tencent Cloud's naming rule: by an override, by a root domain
	// other than DefaultRootDomain, or by a list of finance regions that differs
	// from DefaultFinanceRegions about this region. If such a host does not serve
	// a region, the configuration is at fault, not the region.
	Custom bool
}

// Endpoints is the rule that maps regions to hosts. Only the configuration makes
// hosts: no region that users invent does. The zero value gives Tencent Cloud's
// default hosts. Make others with NewEndpoints.
type Endpoints struct {
	// overrides are the endpoints that the configuration names, by region; that
	// of the empty region takes all others.
	overrides map[string]Endpoint
	// rootDomain is empty for DefaultRootDomain.
	rootDomain string
	// financeRegions is empty for DefaultFinanceRegions.
	financeRegions []string
}

var (
	domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{2,20}){1,3}$`)
)

// EndpointOptions are what the operator's flags say about hosts. The zero value
// gives Tencent Cloud's default hosts.
type EndpointOptions struct {
	// RootDomain replaces DefaultRootDomain, unless it is empty.
	RootDomain string
	// FinanceRegions replaces DefaultFinanceRegions, unless it is empty. Each of
	// them has a host of its own.
	FinanceRegions []string
	// Overrides are URLs that take the calls of all regions, or REGION=URL for
	// those of one. Plain http is refused unless the host is loopback, because a
	// signed request must not cross a network in the clear.
	Overrides []string
}

// NewEndpoints makes the rule from the operator's flags. Its error says what to
// give instead.
func NewEndpoints(options EndpointOptions) (Endpoints, error) {
	if domain := options.RootDomain; domain != "" && !domainPattern.MatchString(domain) {
		return Endpoints{}, fmt.Errorf("--clb-root-domain %q is not a domain name: give one such as %s or intl.%s",
			domain, DefaultRootDomain, DefaultRootDomain)
	}
	for _, region := range options.FinanceRegions {
		if !regionPattern.MatchString(region) {
			return Endpoints{}, fmt.Errorf("--clb-finance-regions: %q is not a region: give a comma-separated list without spaces, such as %s",
				region, strings.Join(DefaultFinanceRegions, ","))
		}
	}
	e := Endpoints{
		overrides:      map[string]Endpoint{},
		rootDomain:     options.RootDomain,
		financeRegions: slices.Clone(options.FinanceRegions),
	}
	for _, raw := range options.Overrides {
		region := ""
		// No endpoint has an equals sign of its own: only a path or a query may.
		if before, after, named := strings.Cut(raw, "="); named && regionPattern.MatchString(before) {
			region, raw = before, after
		}
		endpoint, err := parseEndpoint(raw)
		if err != nil {
			return Endpoints{}, err
		}
		if _, twice := e.overrides[region]; twice {
			return Endpoints{}, fmt.Errorf("--clb-endpoint is given twice for %s: leave one", cmp.Or(region, "all regions"))
		}
		e.overrides[region] = endpoint
	}
	return e, nil
}

func parseEndpoint(raw string) (Endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the whole text, which may hold a password.
		return Endpoint{}, errors.New("--clb-endpoint is not [REGION=]URL: give one such as https://clb.tencentcloudapi.com")
	}
	shown := u.Redacted()
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return Endpoint{}, fmt.Errorf("--clb-endpoint %q must be [REGION=]http(s)://HOST[:PORT], such as https://clb.tencentcloudapi.com", shown)
	case u.User != nil:
		return Endpoint{}, fmt.Errorf("--clb-endpoint %q must not hold a user name or password", shown)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return Endpoint{}, fmt.Errorf("--clb-endpoint %q must not have a path, query or fragment", shown)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return Endpoint{}, fmt.Errorf("--clb-endpoint %q is plain http to a host that is not loopback: use https", shown)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Endpoint{}, fmt.Errorf("--clb-endpoint %q has no valid port", shown)
		}
	}
	return Endpoint{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Custom: true}, nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// For returns the endpoint of a region.
func (e Endpoints) For(region string) Endpoint {
	for _, key := range []string{region, ""} {
		if override, ok := e.overrides[key]; ok {
			return override
		}
	}
	root := cmp.Or(e.rootDomain, DefaultRootDomain)
	finance := slices.Contains(DefaultFinanceRegions, region)
	custom := root != DefaultRootDomain
	if len(e.financeRegions) > 0 {
		configured := slices.Contains(e.financeRegions, region)
		custom = custom || configured != finance
		finance = configured
	}
	host := service + "." + root
	if finance {
		host = service + "." + region + "." + root
	}
	return Endpoint{Scheme: "https", Host: host, Custom: custom}
}
