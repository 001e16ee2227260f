package credentials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// secretLife is how long the content of a Secret is used before it is read again.
	secretLife = 20 * time.Second
	// secretRetry is how long a failed reading is remembered, and how long a Secret is
	// not read again because the API rejects its key if that brought no other key.
	secretRetry = 5 * time.Second
	// secretGrace is how long the last content is used if the Secret cannot be read,
	// although it may be there.
	secretGrace = 5 * time.Minute
	// secretTimeout bounds a reading. It leaves time for the poll.
	secretTimeout = 2 * time.Second
)

// GetSecret returns the data of a Secret. Its error wraps clb.ErrNoCredentials if the
// Secret is not there or may not be read, and says what to do. Any other error means
// that nothing is known, as while the API server is away. It shows no data.
type GetSecret func(context.Context) (map[string][]byte, error)

// Secret is the key pair of a Kubernetes Secret, under the keys KeySecretID,
// KeySecretKey and KeyToken. It is safe for concurrent use.
type Secret struct {
	name   string
	get    GetSecret
	flight singleflight.Group

	mu      sync.Mutex
	current clb.Credential // The last content, zero if there is none.
	readAt  time.Time      // When current was read.
	triedAt time.Time      // When the last reading ended.
	err     error          // How it ended.
	stale   bool           // The API rejects current.
	futile  time.Time      // When a reading last brought the key again that the API rejects.
}

// NewSecret makes the source of a Secret. name names it in messages and, until its
// account is known, identifies the account.
func NewSecret(name string, get GetSecret) *Secret { return &Secret{name: name, get: get} }

// Account implements clb.CredentialSource.
func (s *Secret) Account() string { return "Secret " + s.name }

// Credential implements clb.CredentialSource. It reads the Secret if what it knows is
// older than 20 s; other callers wait for the same reading.
func (s *Secret) Credential(ctx context.Context) (clb.Credential, error) {
	if s.due() {
		select {
		case <-s.flight.DoChan("", func() (any, error) { s.read(ctx); return nil, nil }):
		case <-ctx.Done():
			return s.known(ctx.Err())
		}
	}
	return s.known(nil)
}

// known returns the last content, as long as it may be used. waiting says why the
// caller did not wait for a newer one.
func (s *Secret) known(waiting error) (clb.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := cmp.Or(waiting, s.err)
	if err != nil && (s.current == (clb.Credential{}) || time.Since(s.readAt) > secretGrace) {
		return clb.Credential{}, fmt.Errorf("read the Secret %s: %w", s.name, err)
	}
	return s.current, nil
}

// Rejected implements clb.Rejecter.
func (s *Secret) Rejected(c clb.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = s.stale || c == s.current
}

func (s *Secret) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch age := time.Since(s.triedAt); {
	case s.triedAt.IsZero():
		return true
	case s.err != nil:
		return age >= secretRetry
	case s.stale:
		// However new it is: it may have been replaced since.
		return time.Since(s.futile) >= secretRetry
	default:
		return age >= secretLife
	}
}

// read reads the Secret, for all who wait.
func (s *Secret) read(ctx context.Context) {
	if !s.due() {
		return // Another caller was faster.
	}
	// The callers may end while others still wait.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), secretTimeout)
	defer cancel()
	data, err := s.get(ctx)
	var c clb.Credential
	if err == nil {
		c, err = fromValues(data, "it")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.triedAt, s.err = time.Now(), err
	if s.stale && c == s.current {
		s.futile = s.triedAt
	}
	s.stale = false
	switch {
	case err == nil:
		s.current, s.readAt = c, s.triedAt
	case errors.Is(err, clb.ErrNoCredentials):
		// The key is withdrawn: it must not be used any longer.
		s.current = clb.Credential{}
	}
}
