package credentials

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// owners says whose each key is: all belong to one account, except those of strangers.
type owners struct {
	mu        sync.Mutex
	strangers map[clb.Credential]bool
	err       error
	delay     time.Duration
	lookups   atomic.Int32
}

func (o *owners) find(ctx context.Context, key clb.Credential) (clb.Identity, error) {
	o.lookups.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case <-time.After(o.delay):
	case <-ctx.Done():
		return clb.Identity{}, ctx.Err()
	}
	if o.strangers[key] {
		return clb.Identity{AccountID: "900", UserID: "901"}, o.err
	}
	return clb.Identity{AccountID: "100", UserID: "200"}, o.err
}

func (o *owners) wantLookups(t *testing.T, want int32) {
	t.Helper()
	if n := o.lookups.Load(); n != want {
		t.Errorf("%d lookups, want %d", n, want)
	}
}

// keys is a source whose key a test changes.
type keys struct {
	name     string
	current  clb.Credential
	err      error
	rejected []clb.Credential
}

func (k *keys) Credential(context.Context) (clb.Credential, error) { return k.current, k.err }
func (k *keys) Account() string                                    { return k.name }
func (k *keys) Rejected(c clb.Credential)                          { k.rejected = append(k.rejected, c) }

func wantAccount(t *testing.T, source clb.CredentialSource, want string) {
	t.Helper()
	if got := source.Account(); got != want {
		t.Errorf("the account is %q, want %q", got, want)
	}
}

// poll gets a credential, as a poll does, and lets all that it began end.
func poll(t *testing.T, source clb.CredentialSource) {
	t.Helper()
	begun := time.Now()
	if _, err := source.Credential(t.Context()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took != 0 {
		t.Errorf("a poll waited for %v", took)
	}
	after(lookupTimeout)
	synctest.Wait()
}

func TestAccounts(t *testing.T) {
	for sentence, test := range map[string]func(*testing.T, *owners, *Identities, *keys, *Identified){
		"before the first key it is the source's name": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			wantAccount(t, s, "source")
			o.wantLookups(t, 0)
		},
		"one lookup finds it": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			for range 3 {
				poll(t, s)
				wantAccount(t, s, "100/200")
			}
			o.wantLookups(t, 1)
			if s.ownKey == (clb.Credential{}) || s.name != (clb.Identity{AccountID: "100", UserID: "200"}).String() {
				t.Errorf("the owner is %q", s.name)
			}
		},
		"nobody waits while it is looked up": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			o.delay = 2 * time.Second
			begun := time.Now()
			for range 100 {
				if _, err := s.Credential(t.Context()); err != nil {
					t.Error(err)
				}
				wantAccount(t, s, "source")
			}
			if took := time.Since(begun); took != 0 {
				t.Errorf("they waited for %v", took)
			}
			after(o.delay)
			synctest.Wait()
			wantAccount(t, s, "100/200")
			o.wantLookups(t, 1)
		},
		"a rotated key and a new session keep it, also while they are looked up": func(t *testing.T, o *owners, _ *Identities, k *keys, s *Identified) {
			poll(t, s)
			o.delay = time.Second
			for n := range 5 {
				k.current = key(10 + n)
				if _, err := s.Credential(t.Context()); err != nil {
					t.Error(err)
				}
				wantAccount(t, s, "100/200")
				after(2 * time.Second)
				wantAccount(t, s, "100/200")
			}
			o.wantLookups(t, 6)
		},
		"a second key of the account has it": func(t *testing.T, _ *owners, i *Identities, _ *keys, s *Identified) {
			other := i.Of(&keys{name: "other", current: key(2)})
			poll(t, s)
			poll(t, other)
			wantAccount(t, other, s.Account())
		},
		"two sources of one key look it up once": func(t *testing.T, o *owners, i *Identities, _ *keys, s *Identified) {
			other := i.Of(&keys{name: "other", current: key(1)})
			poll(t, s)
			poll(t, other)
			wantAccount(t, other, s.Account())
			o.wantLookups(t, 1)
		},
		"a key of another account changes it": func(t *testing.T, o *owners, _ *Identities, k *keys, s *Identified) {
			poll(t, s)
			o.strangers = map[clb.Credential]bool{key(2): true}
			k.current = key(2)
			poll(t, s)
			wantAccount(t, s, "900/901")
			k.current = key(1)
			poll(t, s)
			wantAccount(t, s, "100/200")
			o.wantLookups(t, 2)
		},
		"a failed lookup is tried again after 5 min": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			o.err = errAway
			for range 99 {
				poll(t, s)
				wantAccount(t, s, "source")
			}
			o.wantLookups(t, 1)
			o.err = nil
			after(4 * time.Second)
			poll(t, s)
			wantAccount(t, s, "100/200")
			o.wantLookups(t, 2)
		},
		"a lookup that hangs ends after 3 s": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			o.delay = time.Hour
			poll(t, s)
			wantAccount(t, s, "source")
			o.delay = 0
			after(lookupRetry)
			poll(t, s)
			wantAccount(t, s, "100/200")
		},
		"a failed lookup of a rotated key keeps the last one": func(t *testing.T, o *owners, _ *Identities, k *keys, s *Identified) {
			poll(t, s)
			o.err, k.current = errAway, key(2)
			poll(t, s)
			wantAccount(t, s, "100/200")
		},
		"a source without a key looks nothing up": func(t *testing.T, o *owners, _ *Identities, k *keys, s *Identified) {
			k.err = clb.ErrNoCredentials
			wantFailure(t, s, clb.ErrNoCredentials)
			wantAccount(t, s, "source")
			o.wantLookups(t, 0)
		},
		"where no call may be made it is the source's name": func(t *testing.T, _ *owners, i *Identities, _ *keys, s *Identified) {
			i.lookup = nil
			poll(t, s)
			wantAccount(t, s, "source")
		},
		"at the start it can be waited for": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			o.delay = time.Second
			if err := s.Identify(t.Context()); err != nil {
				t.Error(err)
			}
			wantAccount(t, s, "100/200")
		},
		"at the start a lookup that hangs is waited for no longer than 3 s": func(t *testing.T, o *owners, _ *Identities, _ *keys, s *Identified) {
			o.delay = time.Hour
			begun := time.Now()
			if err := s.Identify(t.Context()); err != nil || time.Since(begun) != lookupTimeout {
				t.Errorf("got %v after %v", err, time.Since(begun))
			}
		},
		"at the start a source without a key says so": func(t *testing.T, _ *owners, _ *Identities, k *keys, s *Identified) {
			k.err = clb.ErrNoCredentials
			if err := s.Identify(t.Context()); !errors.Is(err, clb.ErrNoCredentials) {
				t.Errorf("got %v", err)
			}
		},
		"a rejected key is reported to the source": func(t *testing.T, _ *owners, _ *Identities, k *keys, s *Identified) {
			s.Rejected(key(1))
			if len(k.rejected) != 1 || k.rejected[0] != key(1) {
				t.Errorf("%d were reported", len(k.rejected))
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := new(owners)
				identities, k := newIdentities(o.find), &keys{name: "source", current: key(1)}
				test(t, o, identities, k, identities.Of(k))
			})
		})
	}
}

func TestTheOwnerIsLookedUpAtSTS(t *testing.T) {
	sts, fake := served(t)
	source, err := New(Options{Source: Env, Getenv: environment("TENCENTCLOUD_SECRET_ID=id1", "TENCENTCLOUD_SECRET_KEY=key1", "TKE_REGION=ap-chengdu")}, sts)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantAccount(t, source, "100/200")
	if calls := fake.of("GetCallerIdentity"); len(calls) != 1 || calls[0].region != "ap-chengdu" || !strings.Contains(calls[0].authorization, "=id1/") {
		t.Errorf("the calls were %+v", calls)
	}
}

func TestWithAnEndpointOfAllRegionsAndNoneOfSTSNoOwnerIsLookedUp(t *testing.T) {
	endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: []string{"https://private.example"}})
	if err != nil {
		t.Fatal(err)
	}
	source, err := New(Options{Getenv: environment("TENCENTCLOUD_SECRET_ID=id1", "TENCENTCLOUD_SECRET_KEY=key1")}, clb.NewSTS(endpoints))
	if err != nil {
		t.Fatal(err)
	}
	if source.identities.lookup != nil {
		t.Error("a lookup may be made")
	}
	if err := source.Identify(t.Context()); err != nil {
		t.Error(err)
	}
	wantAccount(t, source, "environment")
}
