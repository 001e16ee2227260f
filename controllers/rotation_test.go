package controllers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// rotation is a source of keys, and how the key that it yields is replaced.
type rotation struct {
	options credentials.Options
	secret  bool // The key is that of each object's Secret.
	owner   string
	// first sets the source up; idle passes before there is anything to poll.
	first func(a *account)
	idle  time.Duration
	// next replaces the key for the nth time, under load, after each of pauses.
	next   func(a *account, n int)
	pauses []time.Duration
	// lasts is how long the load goes on after that.
	lasts time.Duration
	// failed is how many polls may fail. One that is sent with a key that is revoked
	// must, since nothing but its failure tells the operator so.
	failed int
	// keys is how many keys poll.
	keys int
}

// replacing is a rotation of keys whose source put keeps. The former key ends at once.
func replacing(put func(a *account, values map[string]string)) rotation {
	turn := func(a *account, n int) {
		a.sim.Revoke(keyOwner)
		put(a, a.add(fmt.Sprint("AKID", n)))
	}
	return rotation{
		owner: keyOwner, first: func(a *account) { turn(a, 0) }, next: turn, failed: 4, keys: 5, lasts: 20 * time.Second,
		// Some follow another so soon that the source has just looked.
		pauses: []time.Duration{7 * time.Second, 3 * time.Second, 30 * time.Second, 2 * time.Second},
	}
}

func inDirectory(a *account, values map[string]string) { a.write(values) }

func inSecret(namespace, name string) func(*account, map[string]string) {
	return func(a *account, values map[string]string) { a.secrets.set(namespace, name, values) }
}

// renewing is a rotation of the role's sessions. Load begins just before one is renewed.
func renewing(source string, next func(a *account, n int)) rotation {
	return rotation{
		options: credentials.Options{Source: source}, owner: roleOwner, idle: 106*time.Minute + 30*time.Second, keys: 2,
		first: func(a *account) { a.trust("web-token-0") }, next: next, pauses: []time.Duration{time.Second}, lasts: 90 * time.Second,
	}
}

// revoking is one whose session is revoked.
func revoking(source string) rotation {
	r := renewing(source, func(a *account, _ int) { a.sim.Revoke(roleOwner) })
	r.idle, r.lasts, r.failed = time.Minute, 20*time.Second, 1
	return r
}

// assuming is one of a role that is assumed with the key of a Secret.
func assuming(r rotation) rotation {
	r.options = credentials.Options{Source: credentials.FromSecret, AssumeRoleARN: roleARN, AssumeRoleExternalID: "external"}
	first := r.first
	r.first = func(a *account) {
		first(a)
		a.secrets.set("operator", "key", a.add("AKID0"))
	}
	return r
}

func TestRotation(t *testing.T) {
	t.Parallel()
	directory, secret, object := replacing(inDirectory), replacing(inSecret("operator", "key")), replacing(inSecret("default", "theirs"))
	directory.options.Source = credentials.Directory
	secret.options.Source, object.options.Source, object.secret = credentials.FromSecret, credentials.FromSecret, true
	for sentence, test := range map[string]rotation{
		"the files of a directory are replaced":             directory,
		"a Secret is replaced":                              secret,
		"the Secret of an object is replaced":               object,
		"a session of pod identity is renewed":              renewing(credentials.PodIdentity, func(a *account, n int) { a.trust(fmt.Sprint("web-token-", n)) }),
		"a session of pod identity is revoked":              revoking(credentials.PodIdentity),
		"a session of the machine's role is renewed":        renewing(credentials.CVMRole, func(*account, int) {}),
		"a session of the machine's role is revoked":        revoking(credentials.CVMRole),
		"a session of an assumed role is renewed":           assuming(renewing("", func(*account, int) {})),
		"a session of an assumed role is revoked":           assuming(revoking("")),
		"the key that assumes a role is replaced meanwhile": assuming(renewing("", func(a *account, n int) { secret.next(a, n) })),
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			withAccount(t, func(a *account) { a.rotate(test) })
		})
	}
}

// rotate loads all slots, lets the key rotate, and checks that the polls go on.
func (a *account) rotate(r rotation) {
	a.Helper()
	const slots = 10
	r.first(a)
	a.start(r.options, func(o *controllers.Options) { o.Slots = slots })
	a.wait(r.idle)
	for i := range 300 { // More than the slots poll in the longest interval.
		a.follow(fmt.Sprint("task-", i), clbsim.Task{Result: clbsim.Stuck}, func(task *v1alpha1.CLBTask) {
			if r.secret {
				withSecret("theirs")(task)
			}
		})
	}
	a.wait(15 * time.Second) // Turns are paced evenly by then.
	a.buckets()
	begun := time.Now()
	for i, pause := range r.pauses {
		a.wait(pause)
		r.next(a, i+1)
	}
	a.wait(r.lasts)
	var failed []string
	for _, call := range a.polls(begun) {
		if call.Code != "" {
			failed = append(failed, fmt.Sprintf("%v %s", call.At.Sub(begun), call.Code))
		}
	}
	lookups := 0
	for _, call := range a.sim.Calls() {
		if call.Action == "GetCallerIdentity" {
			lookups++
		}
	}
	a.Logf("%d polls, %d failed, %d keys", len(a.polls(begun)), len(failed), lookups)
	if len(failed) > r.failed {
		a.Errorf("these polls failed, want %d at most: %q", r.failed, failed)
	}
	if lookups != r.keys {
		a.Errorf("%d keys polled, want %d", lookups, r.keys)
	}
	// What is learned of tasks belongs to a bucket, too.
	if names := a.buckets(); !slices.Equal(names, []string{r.owner}) {
		a.Errorf("polls counted for %q, want one bucket", names)
	}
	if stats := a.sim.Stats().Accounts[r.owner]; stats.Throttled > 0 || stats.Peak > slots {
		a.Errorf("%d calls were throttled, %d came in one second", stats.Throttled, stats.Peak)
	}
	for _, task := range a.all() {
		if matrix.Row(task.Status) != matrix.Running {
			a.Fatalf("%s reads %s", task.Name, matrix.Row(task.Status))
		}
	}
}
