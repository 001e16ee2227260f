package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// hosts are the API hosts of the scale benchmark, each a bucket of the quota: 200 calls a
// second together.
const hosts = 10

// scale measures what the operator, as a process of its own, needs with many objects.
type scale struct {
	settings

	// finished, running and many are numbers of objects: finished ones, running ones,
	// and those that all change state at once.
	finished, running, many int
	// churn is how long objects come and go.
	churn time.Duration
}

// crowd is what runs.
type crowd struct {
	scale

	*cluster
	sim       *clbsim.Simulator // Of all hosts.
	folder    string
	overrides []string
	operator  *operator
}

// run measures everything and reports it. It fails if a goal is missed.
func (s scale) run(ctx context.Context) (err error) {
	before := noise()
	folder, err := os.MkdirTemp("", "bench-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	cluster, err := startCluster(s.crds, s.simulator)
	if err != nil {
		return err
	}
	defer cluster.close()
	c := &crowd{scale: s, cluster: cluster, folder: folder, sim: clbsim.New(clbsim.Config{
		Credentials:       []clbsim.Credential{{SecretID: account, SecretKey: account}},
		RequestsPerSecond: quota,
		RoundTrip:         roundTrip,
	})}
	var servers [hosts]*httptest.Server // They end with the program.
	for i := range servers {
		servers[i] = httptest.NewServer(c.sim)
		c.overrides = append(c.overrides, "--clb-endpoint="+bucketRegion(i)+"="+servers[i].URL)
	}
	c.overrides = append(c.overrides, "--sts-endpoint="+servers[0].URL)
	page := scalePage{scale: s, Before: before}
	if err := c.measure(ctx, &page); err != nil {
		return err
	}
	return s.report(page)
}

// measure lets one operator live through everything.
func (c *crowd) measure(ctx context.Context, page *scalePage) (err error) {
	namespace, err := c.namespace(ctx)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := c.createFinished(ctx, namespace); err != nil {
		return fmt.Errorf("create the finished objects: %w", err)
	}
	c.note("%d finished objects after %.0f s", c.finished, time.Since(begun).Seconds())
	if err := c.createRunning(ctx, namespace, "running", c.running); err != nil {
		return fmt.Errorf("create the running objects: %w", err)
	}
	if c.operator, err = c.startOperator(ctx, c.manager, c.folder, "operator", append(c.overrides, "--leader-elect")...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.operator.Stop()) }() // It says why it ended, if it did.
	for _, phase := range []func(context.Context, string, *scalePage) error{c.begin, c.saturated, c.comeAndGo, c.revoked} {
		if err := phase(ctx, namespace, page); err != nil {
			return err
		}
	}
	var finished int
	for _, call := range c.sim.Calls() {
		if strings.HasPrefix(call.TaskID, finishedPrefix) {
			finished++
		}
	}
	page.Goals = slices.Insert(page.Goals, 2, goal{load: page.load(), what: "calls for finished ones", measured: float64(finished)})
	return nil
}

func (c *crowd) note(format string, args ...any) {
	fmt.Fprintf(c.log, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// begin measures the first half minute.
func (c *crowd) begin(ctx context.Context, _ string, page *scalePage) error {
	const lasting = 30 * time.Second
	for c.sim.CountCalls() == 0 || c.polled() == nil {
		if !pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	first := c.polled().At.Sub(c.operator.begun).Seconds()
	c.note("first poll after %.1f s", first)
	pause(ctx, time.Until(c.operator.begun.Add(lasting)))
	peak, err := c.operator.peak()
	page.Goals = append(page.Goals,
		goal{load: page.load(), what: "first poll after the start, s", limit: 15, measured: first},
		goal{load: page.load(), what: "RSS in the first 30 s, MB at most", limit: 300, measured: peak})
	return err
}

// polled returns the first poll, or nil. The operator also asks who owns its key.
func (c *crowd) polled() *clbsim.Call {
	calls := c.sim.Calls()
	if i := slices.IndexFunc(calls, func(call clbsim.Call) bool { return call.TaskID != "" }); i >= 0 {
		return &calls[i]
	}
	return nil
}

// saturated measures the processor time while the running objects are young, and use up most
// of the quota.
func (c *crowd) saturated(ctx context.Context, _ string, page *scalePage) error {
	const lasting = 30 * time.Second
	before, err := c.operator.look(ctx)
	if err != nil {
		return err
	}
	pause(ctx, lasting)
	after, err := c.operator.look(ctx)
	if err != nil {
		return err
	}
	seconds := after.at.Sub(before.at).Seconds()
	calls, cores := (after.calls-before.calls)/seconds, (after.cpu-before.cpu)/seconds
	c.note("%.0f calls a second, %.3f cores", calls, cores)
	page.Goals = append(page.Goals,
		goal{load: page.load(), what: "calls a second while cores are counted", limit: 0.9 * hosts * quota, measured: calls, atLeast: true},
		goal{load: page.load(), what: "cores", limit: 0.3, measured: cores})
	return nil
}

// revoked measures what happens when a key that everything depends on is refused, and when it
// is valid again.
func (c *crowd) revoked(ctx context.Context, namespace string, page *scalePage) error {
	if err := c.createRunning(ctx, namespace, "many", c.many-c.running); err != nil {
		return err
	}
	if _, err := c.shown(ctx, namespace, "InProgress"); err != nil {
		return err
	}
	name := fmt.Sprintf("the key of %d running is revoked, then valid again", c.many)
	c.note("%s", name)
	var all []look
	for _, reason := range []string{"CredentialsRejected", "InProgress"} {
		if reason == "InProgress" {
			c.sim.ClearFaults()
		} else {
			c.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.SecretIdNotFound", Message: "The SecretId is not found."})
		}
		begun := time.Now()
		looks, err := c.shown(ctx, namespace, reason)
		if err != nil {
			return err
		}
		c.note("all show %s after %.0f s", reason, time.Since(begun).Seconds())
		all = append(all, looks...)
	}
	most := look{}
	for i, l := range all {
		most.goroutines, most.descriptors, most.rss = max(most.goroutines, l.goroutines), max(most.descriptors, l.descriptors), max(most.rss, l.rss)
		if i >= 10 {
			most.writes = math.Max(most.writes, (l.writes-all[i-10].writes)/l.at.Sub(all[i-10].at).Seconds())
		}
	}
	page.Goals = append(page.Goals,
		// A status and an event, of each task that is enqueued for the others and of each call.
		goal{load: name, what: "writes a second in 10 s, events among them, at most", limit: 2 * (100 + hosts*quota), measured: most.writes},
		// A call under way has a connection, and that two goroutines.
		goal{load: name, what: "goroutines at most", limit: 150 + 3*hosts*quota, measured: most.goroutines},
		goal{load: name, what: "file descriptors at most", limit: 50 + hosts*quota, measured: most.descriptors},
		goal{load: name, what: "RSS, MB at most", limit: 300, measured: most.rss})
	return nil
}

// report prints the page and writes it with its plot to the folder of results.
func (s scale) report(page scalePage) error {
	text, err := page.render()
	if err != nil {
		return err
	}
	fmt.Fprint(s.log, text)
	if s.out != "" {
		err = errors.Join(os.MkdirAll(s.out, 0o755), os.WriteFile(filepath.Join(s.out, "scale.md"), []byte(text), 0o644),
			plotChurn(filepath.Join(s.out, "churn.svg"), page.looks))
	}
	for _, g := range page.Goals {
		if !g.reached() {
			err = errors.Join(err, fmt.Errorf("goal missed: %s: %s: %s", g.load, g.what, trim(g.measured)))
		}
	}
	return err
}
