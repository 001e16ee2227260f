package credentials

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

const (
	// fetchTimeout bounds one fetch.
	fetchTimeout = 10 * time.Second
	// fetchPause is the least time between the end of a fetch and the next, plus up to
	// as much again after a failed one.
	fetchPause = 5 * time.Second
	// refreshMargin is how long before its end a session is replaced, or a tenth of its
	// life if that is longer.
	refreshMargin = 5 * time.Minute
	// refreshJitter keeps programs that started together from refreshing together.
	refreshJitter = time.Minute
	// usableMargin is how long before its end a session is no longer used: the call
	// takes time, and clocks differ.
	usableMargin = 30 * time.Second
	// rejectedPause is the least time between two fetches because the API rejects the
	// session.
	rejectedPause = 10 * time.Second
)

// refresher keeps one session and replaces it before it ends. While a new session is
// fetched the old one is used, as long as it lasts. One that the API rejects is used no
// longer if no new one can be had: what keeps the service from it is what to mend. It
// makes one fetch at a time, and only when a credential is used. It is safe for
// concurrent use.
type refresher struct {
	// action is the call that fetch makes, as errors name it.
	action string
	// fetch gets a new session, within its context.
	fetch  func(context.Context) (clb.Session, error)
	flight singleflight.Group

	mu         sync.Mutex
	session    clb.Session
	refreshAt  time.Time // When to replace the session.
	notBefore  time.Time // When the next fetch may begin.
	err        error     // How the last fetch ended.
	suspect    bool      // The API rejects the session, and there is no newer one yet.
	rejectedAt time.Time // When that was last reported.
}

// Credential implements clb.CredentialSource. It waits for a fetch only if there is no
// session to use.
func (r *refresher) Credential(ctx context.Context) (clb.Credential, error) {
	r.mu.Lock()
	now := time.Now()
	usable, due := r.usable(now), r.due(now)
	session, suspect, err := r.session, r.suspect, r.err
	r.mu.Unlock()
	if !due {
		if usable && (!suspect || err == nil) {
			return session.Credential, nil
		}
		return clb.Credential{}, err // That of the last fetch; the next must not begin yet.
	}
	done := r.flight.DoChan("", func() (any, error) { r.refresh(ctx); return nil, nil })
	if usable && !suspect {
		return session.Credential, nil
	}
	select {
	case <-done:
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err != nil && (r.suspect || !r.usable(time.Now())) {
			return clb.Credential{}, r.err
		}
		return r.session.Credential, nil
	case <-ctx.Done():
		return clb.Credential{}, &clb.Error{
			Problem: clb.ProblemAPIUnreachable, Action: r.action, Code: "ClientError.Timeout", Message: "no session in time",
		}
	}
}

// Rejected implements clb.Rejecter.
func (r *refresher) Rejected(c clb.Credential) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); c == r.session.Credential && now.Sub(r.rejectedAt) >= rejectedPause {
		r.suspect, r.rejectedAt = true, now
	}
}

// usable reports whether the session may sign a call. The caller holds mu.
func (r *refresher) usable(now time.Time) bool {
	return now.Before(r.session.Expires.Add(-usableMargin))
}

// due reports whether to fetch a session. The caller holds mu.
func (r *refresher) due(now time.Time) bool {
	return !now.Before(r.notBefore) && (r.suspect || !r.usable(now) || !now.Before(r.refreshAt))
}

// refresh fetches a session, unless another caller just did.
func (r *refresher) refresh(ctx context.Context) {
	r.mu.Lock()
	due := r.due(time.Now())
	r.mu.Unlock()
	if !due {
		return
	}
	// The fetch serves later polls, too, so it does not end with this one.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	defer cancel()
	session, err := r.fetch(ctx)

	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	life := session.Expires.Sub(now)
	if err == nil && life <= usableMargin {
		err = &clb.Error{
			Problem: clb.ProblemAPIUnavailable, Action: r.action, Code: "ClientError.UnexpectedAnswer",
			Message: fmt.Sprintf("the session ends at %s: check the clock of this machine", session.Expires.UTC().Format(time.RFC3339)),
		}
	}
	r.err = err
	if err != nil {
		// The old session stays: it may last longer than the failure.
		r.notBefore = now.Add(fetchPause + jitter(fetchPause))
		return
	}
	// The metadata service issues one session several times.
	r.suspect = r.suspect && session.Credential == r.session.Credential
	r.session = session
	r.refreshAt = session.Expires.Add(-max(life/10, refreshMargin) - jitter(refreshJitter))
	r.notBefore = now.Add(min(fetchPause, life-usableMargin))
}

// jitter returns a random time from 0 up to limit.
func jitter(limit time.Duration) time.Duration {
	return rand.N(limit) //nolint:gosec // It is not secret.
}
