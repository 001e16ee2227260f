package credentials

import (
	"cmp"
	"context"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// lookupTimeout bounds one lookup.
	lookupTimeout = 3 * time.Second
	// lookupRetry is the time from a failed lookup to the next of the same key.
	lookupRetry = 5 * time.Minute
	// maxKeys bounds the keys whose owner is remembered.
	maxKeys = 1024
)

// Identities looks up which account owns a key, once for each SecretId. Several
// sources may share it. It is safe for concurrent use.
type Identities struct {
	// lookup returns the owner of a key, within its context; nil if none may be made.
	lookup func(context.Context, clb.Credential) (clb.Identity, error)

	mu   sync.Mutex
	keys *lru.Cache[string, *lookup] // By fingerprint of the key.
}

// lookup is what is known of a key. All but done is guarded by Identities.mu.
type lookup struct {
	owner   clb.Identity
	known   bool
	done    chan struct{} // Closed when the lookup in flight ends; nil if there is none.
	retryAt time.Time
}

// NewIdentities makes an Identities that calls STS in region, or looks nothing up if
// sts is nil or may not be called.
func NewIdentities(sts *clb.STS, region string) *Identities {
	var owner func(context.Context, clb.Credential) (clb.Identity, error)
	if sts != nil && sts.Check() == nil {
		owner = func(ctx context.Context, key clb.Credential) (clb.Identity, error) {
			return sts.CallerIdentity(ctx, region, key)
		}
	}
	return newIdentities(owner)
}

func newIdentities(owner func(context.Context, clb.Credential) (clb.Identity, error)) *Identities {
	keys, err := lru.New[string, *lookup](maxKeys)
	if err != nil {
		panic(err) // maxKeys is above zero.
	}
	return &Identities{lookup: owner, keys: keys}
}

// Of wraps a source, so that its Account is the owner of its key.
func (i *Identities) Of(source clb.CredentialSource) *Identified {
	return &Identified{source: source, identities: i}
}

// owner returns the owner of a key if it is known. Otherwise it begins a lookup, unless
// one is in flight or failed lately, and returns the channel that is closed when it
// ends, or nil.
func (i *Identities) owner(key clb.Credential) (clb.Identity, bool, <-chan struct{}) {
	if i.lookup == nil {
		return clb.Identity{}, false, nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	fingerprint := key.KeyFingerprint()
	l, ok := i.keys.Get(fingerprint)
	if !ok {
		l = new(lookup)
		i.keys.Add(fingerprint, l)
	}
	if !l.known && l.done == nil && !time.Now().Before(l.retryAt) {
		l.done = make(chan struct{})
		go i.find(key, l, l.done)
	}
	return l.owner, l.known, l.done
}

// find makes one lookup.
func (i *Identities) find(key clb.Credential, l *lookup, done chan struct{}) {
	// It serves later polls, too, so it does not end with the one that began it.
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	owner, err := i.lookup(ctx, key)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err == nil {
		l.owner, l.known = owner, true
	} else {
		l.retryAt = time.Now().Add(lookupRetry)
	}
	l.done = nil
	close(done)
}

// Identified is a CredentialSource whose account is the owner of its key, so that a
// rotated key, a second key and a new session of a role count against the same quota.
// As long as the owner is not known, it is the account that was known before, or the
// name of the source. It is safe for concurrent use.
type Identified struct {
	source     clb.CredentialSource
	identities *Identities
	notes      string

	mu     sync.Mutex
	key    clb.Credential // The last one.
	name   string         // The last owner known; empty as long as none is.
	ownKey clb.Credential // Its key.
}

// Identities returns what looks up the owners, for other sources to share.
func (s *Identified) Identities() *Identities { return s.identities }

// Credential implements clb.CredentialSource. It begins to look up the owner of a new
// key, and does not wait for it.
func (s *Identified) Credential(ctx context.Context) (clb.Credential, error) {
	key, err := s.source.Credential(ctx)
	if err != nil {
		return clb.Credential{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.update() //nolint:contextcheck // The lookup outlives the poll.
	if key != s.key {
		// The owner of the last key is taken by now: it holds until that of this one
		// is known.
		s.key = key
		s.update() //nolint:contextcheck // As above.
	}
	return key, nil
}

// Rejected implements clb.Rejecter.
func (s *Identified) Rejected(key clb.Credential) {
	if source, ok := s.source.(clb.Rejecter); ok {
		source.Rejected(key)
	}
}

// Account implements clb.CredentialSource. It never blocks.
func (s *Identified) Account() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.update()
	return cmp.Or(s.name, s.source.Account())
}

// update takes the owner of the last key, if it is known. The caller holds mu.
func (s *Identified) update() {
	if s.key == s.ownKey {
		return
	}
	if owner, known, _ := s.identities.owner(s.key); known {
		s.name, s.ownKey = owner.String(), s.key
	}
}

// Identify gets a credential and waits until the lookup of its owner has ended, for at
// most 3 s, or ctx ends. It is for the start of a program: polls need not wait. It
// returns the error of the source; that the owner is not found is none.
func (s *Identified) Identify(ctx context.Context) error {
	key, err := s.Credential(ctx)
	if err != nil {
		return err
	}
	if _, _, done := s.identities.owner(key); done != nil { //nolint:contextcheck // As above.
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
	return nil
}

// String says where the credential comes from, and which sources are set up in part
// and therefore not used.
func (s *Identified) String() string { return s.source.Account() + s.notes }
