package clb

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

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
	// RegionalEndpoints gives each of DefaultRegions and Regions a host of its own,
	// too: clb.REGION.ROOTDOMAIN, and gwlb.REGION.ROOTDOMAIN. STS stays on the shared one.
	RegionalEndpoints bool
	// Regions adds to DefaultRegions. A region beside both keeps the shared host.
	Regions []string
	// Overrides are URLs that take the calls of all regions, or REGION=URL for
	// those of one. Plain http is refused unless the host is loopback, because a
	// signed request must not cross a network in the clear.
	Overrides []string
	// STSEndpoint is the URL that takes all calls of STS, unless it is empty. Plain
	// http is refused as for Overrides.
	STSEndpoint string
	// CAFile is a file of PEM certificates of authorities that are trusted beside
	// those of the system, such as that of an inspecting proxy; empty for none.
	CAFile string
	// Dial replaces the network, for tests; nil for the network itself.
	Dial Dial
}

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// NewEndpoints makes the rule from the operator's flags. Its error says what to
// give instead.
func NewEndpoints(options EndpointOptions) (Endpoints, error) {
	if domain := options.RootDomain; domain != "" && !domainPattern.MatchString(domain) {
		return Endpoints{}, fmt.Errorf("--clb-root-domain %q is not a domain name: give one such as %s or intl.%s",
			domain, DefaultRootDomain, DefaultRootDomain)
	}
	err := errors.Join(checkRegions("--clb-finance-regions", options.FinanceRegions), checkRegions("--clb-regions", options.Regions))
	if err != nil {
		return Endpoints{}, err
	}
	e := Endpoints{
		overrides:      map[string]Endpoint{},
		rootDomain:     options.RootDomain,
		financeRegions: slices.Clone(options.FinanceRegions),
		dial:           options.Dial,
	}
	for _, raw := range options.Overrides {
		region := ""
		// No endpoint has an equals sign of its own: only a path or a query may.
		if before, after, named := strings.Cut(raw, "="); named && regionPattern.MatchString(before) {
			region, raw = before, after
		}
		endpoint, err := parseEndpoint("--clb-endpoint", "[REGION=]", raw)
		if err != nil {
			return Endpoints{}, err
		}
		if _, twice := e.overrides[region]; twice {
			return Endpoints{}, fmt.Errorf("--clb-endpoint is given twice for %s: leave one", cmp.Or(region, "all regions"))
		}
		e.overrides[region] = endpoint
	}
	if options.RegionalEndpoints {
		e.regional = slices.Concat(DefaultRegions, options.Regions)
	}
	if options.STSEndpoint != "" {
		endpoint, err := parseEndpoint("--sts-endpoint", "", options.STSEndpoint)
		if err != nil {
			return Endpoints{}, err
		}
		e.sts = &endpoint
	}
	e.roots, err = readRoots(options.CAFile)
	return e, err
}

func checkRegions(flag string, regions []string) error {
	for _, region := range regions {
		if !regionPattern.MatchString(region) {
			return fmt.Errorf("%s: %q is not a region: give a comma-separated list without spaces, such as %s",
				flag, region, strings.Join(DefaultFinanceRegions, ","))
		}
	}
	return nil
}

// readRoots returns the system's authorities and those of a file, or nil if there is
// no file.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("--ca-file: read the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca-file %q holds no certificate: give a file of PEM blocks of the type CERTIFICATE", file)
	}
	return roots, nil
}

// parseEndpoint reads the value of a flag, whose URL may follow a prefix.
func parseEndpoint(flag, prefix, raw string) (Endpoint, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the whole text, which may hold a password.
		return Endpoint{}, fmt.Errorf("%s is not %sURL: give one such as https://proxy.example.com", flag, prefix)
	}
	shown := u.Redacted()
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return Endpoint{}, fmt.Errorf("%s %q must be %shttp(s)://HOST[:PORT], such as https://proxy.example.com", flag, shown, prefix)
	case u.User != nil:
		return Endpoint{}, fmt.Errorf("%s %q must not hold a user name or password", flag, shown)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return Endpoint{}, fmt.Errorf("%s %q must not have a path, query or fragment", flag, shown)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return Endpoint{}, fmt.Errorf("%s %q is plain http to a host that is not loopback: use https", flag, shown)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Endpoint{}, fmt.Errorf("%s %q has no valid port", flag, shown)
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
