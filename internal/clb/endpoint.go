package clb

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// DefaultRootDomain is the root of the hosts of Tencent Cloud's China site.
// Others are intl.tencentcloudapi.com (accounts of the international site) and
// internal.tencentcloudapi.com (inside a VPC).
const DefaultRootDomain = "tencentcloudapi.com"

// service is the name of the product in host names and signatures.
const service = "clb"

// Endpoint is where calls for a region go.
type Endpoint struct {
	// Scheme is "https", or "http" for loopback hosts.
	Scheme string
	// Host is a host name, with a port where it is not the scheme's own.
	Host string
	// Custom says that the operator's configuration names this host, rather
	// than Tencent Cloud's naming rule.
	Custom bool
}

// Endpoints is the rule that maps regions to hosts. The zero value speaks to
// Tencent Cloud's default hosts. Make others with NewEndpoints.
type Endpoints struct {
	// overrides are those that the configuration names, by region; that of the
	// empty region takes all others.
	overrides  map[string]Endpoint
	rootDomain string
}

var (
	domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]{2,20}){1,3}$`)
)

// NewEndpoints makes the rule from the operator's flags. Each of overrides is a
// URL that takes the calls of all regions, or REGION=URL for those of one. Plain
// http is refused unless the host is loopback, because a signed request must not
// cross a network in the clear. rootDomain, where not empty, replaces
// DefaultRootDomain.
func NewEndpoints(rootDomain string, overrides ...string) (Endpoints, error) {
	if rootDomain != "" && !domainPattern.MatchString(rootDomain) {
		return Endpoints{}, fmt.Errorf("--clb-root-domain %q is not a domain name: give one such as %s or intl.%s",
			rootDomain, DefaultRootDomain, DefaultRootDomain)
	}
	e := Endpoints{overrides: map[string]Endpoint{}, rootDomain: rootDomain}
	for _, raw := range overrides {
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

// For returns the endpoint that answers for a region. Finance regions
// ("…-fsi") are isolated and answer on no other host than their own. The
// caller has checked the region's form: it becomes part of a host name.
func (e Endpoints) For(region string) Endpoint {
	root := cmp.Or(e.rootDomain, DefaultRootDomain)
	for _, key := range []string{region, ""} {
		if override, ok := e.overrides[key]; ok {
			return override
		}
	}
	if strings.HasSuffix(region, "-fsi") {
		return Endpoint{Scheme: "https", Host: service + "." + region + "." + root}
	}
	return Endpoint{Scheme: "https", Host: service + "." + root}
}
