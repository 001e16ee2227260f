package credentials

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// store is an API server with one Secret.
type store struct {
	mu    sync.Mutex
	data  map[string][]byte
	err   error
	delay time.Duration
	reads atomic.Int32
}

func (s *store) set(id, key string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data, s.err = map[string][]byte{KeySecretID: []byte(id), KeySecretKey: []byte(key), "other": []byte("the-other")}, err
}

func (s *store) get(ctx context.Context) (map[string][]byte, error) {
	s.reads.Add(1)
	s.mu.Lock()
	data, err, delay := s.data, s.err, s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
		return data, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var (
	errNotThere = fmt.Errorf("%w: it is not there: create it", clb.ErrNoCredentials)
	errAway     = errors.New("connection refused")
)

func key(n int) clb.Credential {
	return clb.NewCredential(fmt.Sprint("id", n), fmt.Sprint("key", n), "")
}

// keyed yields a credential.
type keyed interface {
	Credential(context.Context) (clb.Credential, error)
}

func wantKey(t *testing.T, source keyed, want clb.Credential) {
	t.Helper()
	if got, err := source.Credential(t.Context()); err != nil || got != want {
		t.Errorf("got %v of %s, %v", got, got.KeyFingerprint()[:8], err)
	}
}

func wantFailure(t *testing.T, source keyed, want error) {
	t.Helper()
	if got, err := source.Credential(t.Context()); !errors.Is(err, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// after lets time pass.
func after(d time.Duration) { <-time.After(d) }

func TestSecretsAreReadAgain(t *testing.T) {
	for sentence, test := range map[string]func(*testing.T, *store, *Secret){
		"one that comes late is used within 5 s": func(t *testing.T, server *store, s *Secret) {
			server.set("", "", errNotThere)
			wantFailure(t, s, clb.ErrNoCredentials)
			server.set("id1", "key1", nil)
			wantFailure(t, s, clb.ErrNoCredentials)
			after(secretRetry)
			wantKey(t, s, key(1))
		},
		"one that is rotated is used within 20 s": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			server.set("id2", "key2", nil)
			after(secretLife - time.Second)
			wantKey(t, s, key(1))
			after(time.Second)
			wantKey(t, s, key(2))
		},
		"one whose key the API rejects is read at once, however often that is replaced": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			for n := range 5 {
				server.set(fmt.Sprint("id", n+2), fmt.Sprint("key", n+2), nil)
				s.Rejected(key(n + 1))
				wantKey(t, s, key(n+2))
				s.Rejected(key(n + 1)) // An old poll: that key is gone already.
				wantKey(t, s, key(n+2))
			}
			if n := server.reads.Load(); n != 6 {
				t.Errorf("it was read %d times", n)
			}
		},
		"one whose key the API goes on to reject is read each 5 s": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			for range 60 {
				s.Rejected(key(1))
				wantKey(t, s, key(1))
				after(time.Second)
			}
			if n := server.reads.Load(); n != 13 {
				t.Errorf("it was read %d times", n)
			}
		},
		"the report of an old key has no effect": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			after(secretRetry)
			s.Rejected(key(7))
			wantKey(t, s, key(1))
			if n := server.reads.Load(); n != 1 {
				t.Errorf("it was read %d times", n)
			}
		},
		"one that is deleted is used no longer": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			server.set("", "", errNotThere)
			after(secretLife)
			wantFailure(t, s, errNotThere)
		},
		"one that loses its key is used no longer": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			server.set("id1", "", nil)
			after(secretLife)
			wantFailure(t, s, clb.ErrNoCredentials)
		},
		"while the API server is away the last content is used for 5 min": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			server.set("", "", errAway)
			for range secretGrace / (10 * time.Second) {
				after(10 * time.Second)
				wantKey(t, s, key(1))
			}
			after(time.Second)
			wantFailure(t, s, errAway)
			server.set("id2", "key2", nil)
			after(secretRetry)
			wantKey(t, s, key(2))
		},
		"an API server that hangs holds a poll for 2 s": func(t *testing.T, server *store, s *Secret) {
			wantKey(t, s, key(1))
			server.delay = time.Hour
			after(secretLife)
			begun := time.Now()
			wantKey(t, s, key(1))
			if took := time.Since(begun); took != secretTimeout {
				t.Errorf("it took %v", took)
			}
		},
		"a poll that ends waits no longer": func(t *testing.T, server *store, s *Secret) {
			server.delay = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := s.Credential(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			// The reading goes on for the others.
			wantKey(t, s, key(1))
			if n := server.reads.Load(); n != 1 {
				t.Errorf("it was read %d times", n)
			}
		},
		"a thousand polls share one reading": func(t *testing.T, server *store, s *Secret) {
			server.delay = time.Second
			var polls sync.WaitGroup
			for range 1000 {
				polls.Go(func() { wantKey(t, s, key(1)) })
			}
			polls.Wait()
			if n := server.reads.Load(); n != 1 {
				t.Errorf("it was read %d times", n)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := new(store)
				server.set("id1", "key1\n", nil)
				test(t, server, NewSecret("operator/keys", server.get))
			})
		})
	}
}

func TestAnErrorNamesTheSecretAndWhatItLacksOnly(t *testing.T) {
	server := new(store)
	server.set("the-id", "", nil)
	_, err := NewSecret("operator/keys", server.get).Credential(t.Context())
	if err == nil || err.Error() != "read the Secret operator/keys: no Tencent Cloud credentials: it has no secretKey: add it" {
		t.Errorf("got %v", err)
	}
	for _, secret := range []string{"the-id", "the-other", "other", KeySecretID} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%v shows %s", err, secret)
		}
	}
}
