package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// metadataURL is Tencent Cloud's metadata service, as every CVM reaches it.
	metadataURL = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/"
	// metadataTimeout bounds one call. The service is one hop away.
	metadataTimeout = 2 * time.Second
)

var roleNamePattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)

// cvmRole is the source of the role that is bound to the machine. All pods of the
// machine share it.
type cvmRole struct{ refresher }

// Account implements clb.CredentialSource. A machine has one role at a time.
func (*cvmRole) Account() string { return "CVM role" }

// newCVMRole makes the source; dial replaces the network, unless it is nil.
func newCVMRole(dial clb.Dial) *cvmRole {
	r := new(cvmRole)
	r.action, r.fetch = "the metadata service", newMetadata(dial).session
	return r
}

// metadata is a client of the metadata service.
type metadata struct{ client *http.Client }

func newMetadata(dial clb.Dial) metadata {
	return metadata{&http.Client{
		Timeout: metadataTimeout,
		// No proxy: it would answer for its own machine.
		Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, MaxResponseHeaderBytes: maxBytes},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}}
}

// session gets the credential of the role that is bound now.
func (m metadata) session(ctx context.Context) (clb.Session, error) {
	session, err := m.fetch(ctx)
	if err != nil {
		return clb.Session{}, fmt.Errorf("%w: the metadata service gave none for a CVM role: %w", clb.ErrNoCredentials, err)
	}
	return session, nil
}

func (m metadata) fetch(ctx context.Context) (clb.Session, error) {
	body, err := m.get(ctx, "")
	if err != nil {
		return clb.Session{}, err
	}
	name := strings.TrimSpace(string(body))
	if !roleNamePattern.MatchString(name) {
		return clb.Session{}, errors.New("it names no role: bind one to the machine")
	}
	if body, err = m.get(ctx, name); err != nil {
		return clb.Session{}, err
	}
	var answer struct {
		SecretID    string `json:"TmpSecretId"`
		SecretKey   string `json:"TmpSecretKey"`
		Token       string
		ExpiredTime int64
		Code        string
	}
	// The errors of package json show a part of the text.
	if json.Unmarshal(body, &answer) != nil {
		return clb.Session{}, fmt.Errorf("the answer for the role %s is not JSON", name)
	}
	if answer.Code != "Success" {
		return clb.Session{}, fmt.Errorf("the answer for the role %s is not Success but %.100q", name, answer.Code)
	}
	return clb.NewSession(answer.SecretID, answer.SecretKey, answer.Token, time.Unix(answer.ExpiredTime, 0))
}

// get returns the body of one answer.
func (m metadata) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metadataURL+path, http.NoBody)
	if err != nil {
		return nil, errors.New("the URL of the metadata service is malformed")
	}
	response, err := m.client.Do(request)
	if err != nil {
		// What went wrong names ports and addresses that differ each time.
		return nil, errors.New("it cannot be reached: run the operator on a CVM, and let NetworkPolicies pass metadata.tencentyun.com")
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, errors.New("no role is bound to the machine: bind one")
	default:
		return nil, fmt.Errorf("it answers with HTTP status %d", response.StatusCode)
	}
	body, err := readBounded(response.Body, "the answer")
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, errors.New("its answer breaks off") // As above.
	}
	return body, err
}
