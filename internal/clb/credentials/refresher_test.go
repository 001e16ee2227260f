package credentials

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// issuer is a service that issues sessions, each with the next key.
type issuer struct {
	mu    sync.Mutex
	life  time.Duration
	delay time.Duration
	err   error
	again bool        // It issues the first key again.
	calls []time.Time // When each began.
	most  int         // How many ran at a time.
	now   int
}

func (i *issuer) fetch(ctx context.Context) (clb.Session, error) {
	i.mu.Lock()
	i.calls = append(i.calls, time.Now())
	n := len(i.calls)
	i.now++
	i.most = max(i.most, i.now)
	delay, life, err := i.delay, i.life, i.err
	if i.again {
		n = 1
	}
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.now--
	}()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return clb.Session{}, &clb.Error{Problem: clb.ProblemAPIUnreachable, Action: "Fetch", Code: "ClientError.Timeout"}
	}
	if err != nil {
		return clb.Session{}, err
	}
	return clb.Session{Credential: key(n), Expires: time.Now().Add(life)}, nil
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.calls)
}

var errRefused = &clb.Error{Problem: clb.ProblemCredentialsRejected, Action: "Fetch", Code: "UnauthorizedOperation"}

func TestRefreshes(t *testing.T) {
	for sentence, test := range map[string]func(*testing.T, *issuer, *refresher){
		"the first poll waits, and a crowd shares one fetch": func(t *testing.T, sts *issuer, r *refresher) {
			sts.delay = 3 * time.Second
			begun := time.Now()
			var polls sync.WaitGroup
			for range 1000 {
				polls.Go(func() { wantKey(t, r, key(1)) })
			}
			polls.Wait()
			if took := time.Since(begun); took != sts.delay || sts.count() != 1 {
				t.Errorf("it took %v and %d fetches", took, sts.count())
			}
		},
		"a poll that ends leaves the fetch to the others": func(t *testing.T, sts *issuer, r *refresher) {
			sts.delay = 3 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := r.Credential(ctx)
			var failed *clb.Error
			if !errors.As(err, &failed) || failed.Problem != clb.ProblemAPIUnreachable || failed.Action != "Fetch" {
				t.Errorf("got %v", err)
			}
			wantKey(t, r, key(1))
			if sts.count() != 1 {
				t.Errorf("%d fetches", sts.count())
			}
		},
		"a fetch that hangs ends after 10 s": func(t *testing.T, sts *issuer, r *refresher) {
			sts.delay = time.Hour
			begun := time.Now()
			_, err := r.Credential(t.Context())
			if took := time.Since(begun); err == nil || took != fetchTimeout {
				t.Errorf("got %v after %v", err, took)
			}
		},
		"polls use the old key while a refresh runs": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			sts.delay = 5 * time.Second
			after(sts.life - refreshMargin*2)
			for range 4 {
				begun := time.Now()
				wantKey(t, r, key(1))
				if took := time.Since(begun); took != 0 {
					t.Errorf("a poll waited for %v", took)
				}
				after(time.Second)
			}
			after(2 * time.Second)
			wantKey(t, r, key(2))
			if sts.count() != 2 || sts.most != 1 {
				t.Errorf("%d fetches, %d at a time", sts.count(), sts.most)
			}
		},
		"without polls nothing is fetched": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			after(24 * time.Hour)
			if sts.count() != 1 {
				t.Errorf("%d fetches", sts.count())
			}
			wantKey(t, r, key(2))
		},
		"the old key is used until 30 s before its end, then the error of the last fetch": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			ends := time.Now().Add(sts.life)
			sts.set(func() { sts.err = errRefused })
			for time.Now().Before(ends.Add(-usableMargin)) {
				wantKey(t, r, key(1))
				after(time.Second)
			}
			wantFailure(t, r, errRefused)
			sts.set(func() { sts.err = nil })
			after(2 * fetchPause)
			if _, err := r.Credential(t.Context()); err != nil {
				t.Errorf("it stays: %v", err)
			}
		},
		"failing fetches are 5 to 10 s apart, and polls do not wait between them": func(t *testing.T, sts *issuer, r *refresher) {
			sts.err = errRefused
			for range 3600 {
				begun := time.Now()
				wantFailure(t, r, errRefused)
				if took := time.Since(begun); took != 0 {
					t.Errorf("a poll waited for %v", took)
				}
				after(time.Second)
			}
			apart := map[time.Duration]bool{}
			for n := 1; n < len(sts.calls); n++ {
				pause := sts.calls[n].Sub(sts.calls[n-1])
				if apart[pause] = true; pause < fetchPause || pause > 2*fetchPause {
					t.Errorf("two were %v apart", pause)
				}
			}
			if len(apart) < 3 {
				t.Errorf("the pauses do not differ: %v", apart)
			}
		},
		"a key that the API rejects is replaced before the next poll": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			after(time.Minute)
			sts.delay = time.Second
			r.Rejected(key(1))
			wantKey(t, r, key(2))
			r.Rejected(key(1)) // A late report of the old one.
			wantKey(t, r, key(2))
			// The new one is rejected, too: another fetch would not help at once.
			after(fetchPause)
			r.Rejected(key(2))
			wantKey(t, r, key(2))
			after(rejectedPause)
			r.Rejected(key(2))
			wantKey(t, r, key(3))
		},
		"a key that the API rejects is used no longer, though there is no other": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			after(time.Minute)
			sts.set(func() { sts.err = errRefused })
			r.Rejected(key(1))
			for range 60 {
				wantFailure(t, r, errRefused)
				after(time.Second)
			}
			if n := sts.count() - 1; n < 60/10 || n > 60/5 {
				t.Errorf("%d fetches in a minute", n)
			}
			sts.set(func() { sts.err = nil })
			after(2 * fetchPause)
			if _, err := r.Credential(t.Context()); err != nil {
				t.Errorf("it stays: %v", err)
			}
		},
		"a key that the API rejects and the service issues again is replaced as soon as there is another": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			after(time.Minute)
			sts.set(func() { sts.again = true })
			for range 60 {
				r.Rejected(key(1))
				wantKey(t, r, key(1))
				after(time.Second)
			}
			if n := sts.count() - 1; n != 60/5 {
				t.Errorf("%d fetches in a minute", n)
			}
			sts.set(func() { sts.again = false })
			after(fetchPause)
			if c, err := r.Credential(t.Context()); err != nil || c == key(1) {
				t.Errorf("it stays: %v", err)
			}
		},
		"a session that has ended is refused": func(t *testing.T, sts *issuer, r *refresher) {
			wantKey(t, r, key(1))
			after(sts.life)
			for _, life := range []time.Duration{-time.Hour, 0, usableMargin} {
				sts.set(func() { sts.life = life })
				_, err := r.Credential(t.Context())
				var failed *clb.Error
				if !errors.As(err, &failed) || failed.Problem != clb.ProblemAPIUnavailable || failed.Action != "Fetch" {
					t.Errorf("%v: got %v", life, err)
				}
				after(2 * fetchPause)
			}
		},
		"a session that lasts for less than the margin does not bring a fetch with each poll": func(t *testing.T, sts *issuer, r *refresher) {
			sts.life = time.Minute
			for range 600 {
				if _, err := r.Credential(t.Context()); err != nil {
					t.Fatal(err)
				}
				after(100 * time.Millisecond)
			}
			if n := sts.count(); n > 13 {
				t.Errorf("%d fetches in a minute", n)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sts := &issuer{life: 2 * time.Hour}
				test(t, sts, &refresher{action: "Fetch", fetch: sts.fetch})
			})
		})
	}
}

func TestASessionIsReplacedInTime(t *testing.T) {
	for life, margin := range map[time.Duration]time.Duration{
		12 * time.Hour:   72 * time.Minute,
		2 * time.Hour:    12 * time.Minute,
		time.Hour:        6 * time.Minute,
		40 * time.Minute: 5 * time.Minute,
		15 * time.Minute: 5 * time.Minute,
	} {
		t.Run(life.String(), func(t *testing.T) {
			left, step := map[time.Duration]bool{}, min(life/1000, 10*time.Second)
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					sts := &issuer{life: life}
					r := &refresher{action: "Fetch", fetch: sts.fetch}
					begun := time.Now()
					for sts.count() < 2 {
						if _, err := r.Credential(t.Context()); err != nil {
							t.Fatal(err)
						}
						after(step)
						synctest.Wait()
					}
					left[life-sts.calls[1].Sub(begun)] = true
				})
			}
			for d := range left {
				if d < margin-step || d > margin+refreshJitter {
					t.Errorf("one was replaced %v before its end, not %v", d, margin)
				}
			}
			if len(left) < 3 {
				t.Errorf("the times do not differ: %v", left)
			}
		})
	}
}
