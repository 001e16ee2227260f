package clbsim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const algorithm = "TC3-HMAC-SHA256"

// authorization is a parsed Authorization header of signature method v3
// (API page 1021/34193):
//
//	TC3-HMAC-SHA256 Credential=<SecretId>/<date>/<service>/tc3_request, SignedHeaders=<a;b>, Signature=<hex>
type authorization struct {
	secretID      string
	date          string
	service       string
	signedHeaders []string // In lower case, in ascending order.
	signature     string
}

func parseAuthorization(header string) (authorization, error) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return authorization{}, fmt.Errorf("does not begin with %q", algorithm)
	}
	var a authorization
	fields := map[string]func(string) error{
		"Credential":    a.parseCredential,
		"SignedHeaders": a.parseSignedHeaders,
		"Signature":     a.parseSignature,
	}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		parse, ok := fields[name]
		if !ok {
			return authorization{}, fmt.Errorf("has a field %q that is unknown or not the only one of its name", name)
		}
		delete(fields, name)
		if err := parse(value); err != nil {
			return authorization{}, fmt.Errorf("has a wrong %s: %w", name, err)
		}
	}
	if len(fields) > 0 {
		return authorization{}, errors.New("needs Credential, SignedHeaders and Signature")
	}
	return a, nil
}

func (a *authorization) parseCredential(value string) error {
	parts := strings.Split(value, "/")
	if len(parts) != 4 || slices.Contains(parts, "") || parts[3] != "tc3_request" {
		return errors.New("it must be <SecretId>/<date>/<service>/tc3_request")
	}
	a.secretID, a.date, a.service = parts[0], parts[1], parts[2]
	return nil
}

func (a *authorization) parseSignedHeaders(value string) error {
	a.signedHeaders = strings.Split(value, ";")
	if slices.Contains(a.signedHeaders, "") || value != strings.ToLower(value) {
		return errors.New("it must be names in lower case, separated by semicolons")
	}
	if !slices.IsSorted(a.signedHeaders) || len(slices.Compact(slices.Clone(a.signedHeaders))) != len(a.signedHeaders) {
		return errors.New("the names must be in ascending order")
	}
	// The page asks for at least these two.
	if !slices.Contains(a.signedHeaders, "content-type") || !slices.Contains(a.signedHeaders, "host") {
		return errors.New("content-type and host must be among them")
	}
	return nil
}

func (a *authorization) parseSignature(value string) error {
	if len(value) != 64 || strings.Trim(value, "0123456789abcdef") != "" {
		return errors.New("it must be 64 hexadecimal digits in lower case")
	}
	a.signature = value
	return nil
}
