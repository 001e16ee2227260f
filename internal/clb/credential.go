package clb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Environment variables that name the operator's key pair, as in every program
// of Tencent Cloud.
const (
	EnvSecretID  = "TENCENTCLOUD_SECRET_ID"  //nolint:gosec // The name of a variable, not a secret.
	EnvSecretKey = "TENCENTCLOUD_SECRET_KEY" //nolint:gosec // The name of a variable, not a secret.
	EnvToken     = "TENCENTCLOUD_TOKEN"      //nolint:gosec // The name of a variable, not a secret.
)

// ErrNoCredentials is wrapped by the error of a CredentialSource that has
// nothing to sign with.
var ErrNoCredentials = errors.New("no Tencent Cloud credentials")

// Credential is a key pair, with a token if it is temporary. It is a value and
// never changes: a rotated key is another Credential. No way of printing or
// encoding it shows the secret.
type Credential struct {
	secretID, secretKey, token string
}

// NewCredential makes a Credential. Surrounding white space is dropped, since a
// Secret made from a file often ends in a newline, which no HTTP header takes.
func NewCredential(secretID, secretKey, token string) Credential {
	return Credential{
		secretID:  strings.TrimSpace(secretID),
		secretKey: strings.TrimSpace(secretKey),
		token:     strings.TrimSpace(token),
	}
}

// fingerprint identifies the whole credential, so that a cached client never
// outlives the key it signs with.
func (c Credential) fingerprint() string {
	sum := sha256.Sum256([]byte(c.secretID + "\n" + c.secretKey + "\n" + c.token))
	return hex.EncodeToString(sum[:])
}

// redact removes the secrets from a text that came from outside.
func (c Credential) redact(text string) string {
	for _, secret := range []string{c.secretKey, c.token, c.secretID} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// placeholder is all that a printed or encoded Credential shows.
const placeholder = "[Tencent Cloud credential]"

// Format implements fmt.Formatter, so that no verb prints a secret.
func (c Credential) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, placeholder)
}

// MarshalText implements encoding.TextMarshaler, so that no encoder writes a
// secret.
func (c Credential) MarshalText() ([]byte, error) { return []byte(placeholder), nil }

// CredentialSource yields the credential that signs the next call. It is used
// before every call, so that a rotated key takes effect at once. It must be safe
// for concurrent use.
type CredentialSource interface {
	// Credential returns an error that wraps ErrNoCredentials if there is nothing
	// to sign with; its text says what to set and shows no secret.
	Credential(ctx context.Context) (Credential, error)
	// Account identifies the account whose quota the calls count against. It
	// stays the same while keys rotate, is fit for map keys and log lines, and
	// shows no secret.
	Account() string
}

// EnvCredentials reads a key pair from environment variables.
type EnvCredentials struct {
	// Getenv looks a variable up; os.Getenv in production.
	Getenv func(string) string
}

// Account implements CredentialSource. The environment names one account at a
// time, also while its keys rotate.
func (e EnvCredentials) Account() string { return "environment" }

// Credential implements CredentialSource.
func (e EnvCredentials) Credential(context.Context) (Credential, error) {
	c := NewCredential(e.Getenv(EnvSecretID), e.Getenv(EnvSecretKey), e.Getenv(EnvToken))
	var missing []string
	if c.secretID == "" {
		missing = append(missing, EnvSecretID)
	}
	if c.secretKey == "" {
		missing = append(missing, EnvSecretKey)
	}
	if len(missing) > 0 {
		return Credential{}, fmt.Errorf("%w: set %s in the operator's environment",
			ErrNoCredentials, strings.Join(missing, " and "))
	}
	return c, nil
}
