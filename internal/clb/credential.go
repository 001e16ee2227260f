package clb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
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

// ErrNoCredentials is wrapped by the error of a CredentialSource that has
// nothing to sign with.
var ErrNoCredentials = errors.New("no Tencent Cloud credentials")

// Credential is a key pair, with a token if it is temporary. It is a value and
// never changes: a rotated key is another Credential. Two are equal (==) if their
// keys and tokens are. No way of printing or encoding it shows the secret, also
// where it is an unexported field, whose methods fmt does not call: fmt follows no
// pointer to a string.
type Credential struct{ secretID, secretKey, token unique.Handle[string] }

// keyPair are the strings of a Credential.
type keyPair struct{ secretID, secretKey, token string }

// NewCredential makes a Credential. Surrounding white space is dropped, since a
// Secret made from a file often ends in a newline, which no HTTP header takes.
func NewCredential(secretID, secretKey, token string) Credential {
	return Credential{
		secretID:  unique.Make(strings.TrimSpace(secretID)),
		secretKey: unique.Make(strings.TrimSpace(secretKey)),
		token:     unique.Make(strings.TrimSpace(token)),
	}
}

// parts returns the strings, all empty for the zero value.
func (c Credential) parts() keyPair {
	if c == (Credential{}) {
		return keyPair{}
	}
	return keyPair{c.secretID.Value(), c.secretKey.Value(), c.token.Value()}
}

// fingerprint identifies the whole credential, so that a cached client never
// outlives the key it signs with.
func (c Credential) fingerprint() string {
	p := c.parts()
	return digest(p.secretID + "\n" + p.secretKey + "\n" + p.token)
}

// KeyFingerprint identifies the SecretId without showing it: 64 hexadecimal
// digits. Every key has a SecretId of its own, so has every session of a role.
func (c Credential) KeyFingerprint() string { return digest(c.parts().secretID) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// redact removes the secrets from a text that came from outside.
func (c Credential) redact(text string) string {
	p := c.parts()
	return redact(text, p.secretKey, p.token, p.secretID)
}

// signaturePattern is the form of a signature: the API may repeat that of a request.
var signaturePattern = regexp.MustCompile(`[0-9a-f]{64}`)

// redact removes the secrets, and whatever looks like a signature.
func redact(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return signaturePattern.ReplaceAllString(text, "[redacted]")
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
	// Credential returns an *Error if a service refuses to issue a credential or
	// does not answer. Any other error means that there is nothing to sign with,
	// and should wrap ErrNoCredentials. Its text says what to set and shows no
	// secret. It returns soon after ctx ends.
	Credential(ctx context.Context) (Credential, error)
	// Account identifies the account whose quota the calls count against. It
	// stays the same while keys rotate, is fit for map keys and log lines, and
	// shows no secret. It never blocks, and may change once: when the source
	// learns the account of its key.
	Account() string
}

// Rejecter is a CredentialSource that keeps a credential for some time, and can
// look for a newer one if the API rejects it.
type Rejecter interface {
	// Rejected reports a credential that the API rejected. It never blocks; the
	// next Credential looks for a newer one, unless that happened just before.
	Rejected(Credential)
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
	if c.parts().secretID == "" {
		missing = append(missing, EnvSecretID)
	}
	if c.parts().secretKey == "" {
		missing = append(missing, EnvSecretKey)
	}
	if len(missing) > 0 {
		return Credential{}, fmt.Errorf("%w: set %s in the operator's environment",
			ErrNoCredentials, strings.Join(missing, " and "))
	}
	return c, nil
}
