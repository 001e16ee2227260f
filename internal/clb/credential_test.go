package clb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func shows(text, secret string) bool { return strings.Contains(text, secret) }

func TestNoWayOfPrintingACredentialShowsIt(t *testing.T) {
	c := NewCredential("the-id", "the-key", "the-token")
	encoded, err := json.Marshal(map[string]any{"value": c, "pointer": &c})
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, c), fmt.Sprintf(verb, &c), fmt.Sprintf(verb, []Credential{c}),
			fmt.Sprintf(verb, struct{ Credential Credential }{c}),
			// fmt calls no method of an unexported field.
			fmt.Sprintf(verb, struct{ credential Credential }{c}), fmt.Sprintf(verb, &struct{ session Session }{Session{Credential: c}}))
	}
	for _, text := range texts {
		for _, secret := range []string{"the-id", "the-key", "the-token", "7468652d6b6579", "116, 104, 101"} {
			if shows(text, secret) {
				t.Errorf("%q shows %q", text, secret)
			}
		}
	}
}

func TestCredentialsFromTheEnvironment(t *testing.T) {
	for sentence, test := range map[string]struct {
		env     map[string]string
		missing string
	}{
		"a key pair suffices":                  {env: map[string]string{EnvSecretID: "i", EnvSecretKey: "k"}},
		"a trailing newline is dropped":        {env: map[string]string{EnvSecretID: "i\n", EnvSecretKey: " k\r\n"}},
		"without anything, both are named":     {env: nil, missing: "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"},
		"without the key, the key is named":    {env: map[string]string{EnvSecretID: "i"}, missing: "set TENCENTCLOUD_SECRET_KEY"},
		"white space alone is no ID":           {env: map[string]string{EnvSecretID: " \n", EnvSecretKey: "k"}, missing: "set TENCENTCLOUD_SECRET_ID in"},
		"a token alone is no credential":       {env: map[string]string{EnvToken: "t"}, missing: "TENCENTCLOUD_SECRET_ID and"},
		"a key pair with a token is temporary": {env: map[string]string{EnvSecretID: "i", EnvSecretKey: "k", EnvToken: "t"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			source := EnvCredentials{Getenv: func(name string) string { return test.env[name] }}
			c, err := source.Credential(context.Background())
			if test.missing == "" {
				if err != nil || c != NewCredential("i", "k", test.env[EnvToken]) {
					t.Errorf("got %v, %v", c, err)
				}
				return
			}
			if !errors.Is(err, ErrNoCredentials) || !shows(err.Error(), test.missing) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestARotatedKeyIsTheSameAccountAndAnotherClient(t *testing.T) {
	key := "k1"
	environment := EnvCredentials{Getenv: func(string) string { return key }}
	before, err := environment.Credential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	account := environment.Account()
	key = "k2"
	after, err := environment.Credential(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before.fingerprint() == after.fingerprint() || environment.Account() != account || account == "" {
		t.Errorf("account %q, then %q", account, environment.Account())
	}
}

func TestCredentialsAreEqualIfTheirPartsAre(t *testing.T) {
	one := NewCredential("i", "k", "t")
	if one != NewCredential(" i", "k\n", "t") || one == NewCredential("i", "k", "") || one == (Credential{}) {
		t.Error("equality is not that of the parts")
	}
	if one.KeyFingerprint() != NewCredential("i", "other", "").KeyFingerprint() || one.KeyFingerprint() == NewCredential("j", "k", "t").KeyFingerprint() {
		t.Error("the fingerprint of the key is not that of the SecretId alone")
	}
	if (Credential{}).fingerprint() == one.fingerprint() {
		t.Error("no credential has the fingerprint of one")
	}
}
