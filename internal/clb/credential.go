package clb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unique"
)

// Environment variables that name the operator's key pair, as in every program
// of Tencent Cloud.
const (
	EnvSecretID  = "TENCENTCLOUD_SECRET_ID"  //nolint:gosec // The name of a variable, not a secret.
	EnvSecretKey = "TENCENTCLOUD_SECRET_KEY" //nolint:gosec // The name of a variable, not a secret.
	EnvToken     = "TENCENTCLOUD_TOKEN"      //nolint:gosec // The name of a variable, not a secret.
)

// ErrNoCredentials is what a CredentialSource returns where it has nothing to
// sign with.
var ErrNoCredentials = errors.New("no Tencent Cloud credentials")

// Credential is a key pair, with a token where it is temporary. It is a value
// and never changes: a rotated key is another Credential. However it is
// printed or encoded, it shows nothing of the secret.
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

// Account identifies whom the API's quota counts for: a fingerprint of the
// SecretId, fit for map keys and log lines. A sub-account with two keys counts
// as two here, which errs only until the API throttles one of them.
func (c Credential) Account() string {
	sum := sha256.Sum256([]byte(c.secretID))
	// The same string for all who keep it, such as each of many tasks.
	return unique.Make(hex.EncodeToString(sum[:6])).Value()
}

// fingerprint identifies the whole credential, so that a cached client never
// outlives the key it signs with.
func (c Credential) fingerprint() string {
	sum := sha256.Sum256([]byte(c.secretID + "\n" + c.secretKey + "\n" + c.token))
	return hex.EncodeToString(sum[:])
}

// redact takes the secrets out of a text that somebody else wrote.
func (c Credential) redact(text string) string {
	for _, secret := range []string{c.secretKey, c.token, c.secretID} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// Format implements fmt.Formatter, so that no verb prints a secret.
func (c Credential) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprint(state, "credential of account "+c.Account())
}

// MarshalText implements encoding.TextMarshaler, so that no encoder writes a
// secret.
func (c Credential) MarshalText() ([]byte, error) {
	return []byte("credential of account " + c.Account()), nil
}

// CredentialSource yields the credential to sign the next call with. It is
// asked before every call, so that a rotated key is used at once.
type CredentialSource interface {
	// Credential returns an error that wraps ErrNoCredentials where there is
	// nothing to sign with; its text says what to set.
	Credential(ctx context.Context) (Credential, error)
}

// EnvCredentials reads a key pair from environment variables.
type EnvCredentials struct {
	// Getenv looks a variable up; os.Getenv in production.
	Getenv func(string) string
}

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
