package clb

import (
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
	override   *Endpoint
	rootDomain string
}

var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)

// NewEndpoints makes the rule from the operator's flags. endpointURL, where not
// empty, takes the calls of all regions; plain http is refused unless the host
// is loopback, because a signed request must not cross a network in the clear.
// rootDomain, where not empty, replaces DefaultRootDomain.
func NewEndpoints(endpointURL, rootDomain string) (Endpoints, error) {
	if rootDomain != "" && !domainPattern.MatchString(rootDomain) {
		return Endpoints{}, fmt.Errorf("--clb-root-domain %q is not a domain name: give one such as %s or intl.%s",
			rootDomain, DefaultRootDomain, DefaultRootDomain)
	}
	e := Endpoints{rootDomain: rootDomain}
	if endpointURL == "" {
		return e, nil
	}
	override, err := parseEndpoint(endpointURL)
	if err != nil {
		return Endpoints{}, err
	}
	e.override = &override
	return e, nil
}

func parseEndpoint(raw string) (Endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the whole text, which may hold a password.
		return Endpoint{}, errors.New("--clb-endpoint is not a URL: give one such as https://clb.tencentcloudapi.com")
	}
	shown := u.Redacted()
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return Endpoint{}, fmt.Errorf("--clb-endpoint %q must be http(s)://HOST[:PORT], such as https://clb.tencentcloudapi.com", shown)
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
	root := e.rootDomain
	if root == "" {
		root = DefaultRootDomain
	}
	switch {
	case e.override != nil:
		return *e.override
	case strings.HasSuffix(region, "-fsi"):
		return Endpoint{Scheme: "https", Host: service + "." + region + "." + root}
	default:
		return Endpoint{Scheme: "https", Host: service + "." + root}
	}
}
