package controllers_test

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/internal/clb"
)

// cloud is the CLB API in a bubble: no sockets, and the time is virtual. A request ends
// as its entry in tasks says.
type cloud struct {
	latency time.Duration
	// fault makes a poll fail; nil for none. It is called with the lock held.
	fault func(q clb.TaskQuery) *clb.Error
	// host returns the host of a region; nil for one host of all.
	host func(region string) string

	mu      sync.Mutex
	account string // Of the operator's own key, if it is not the usual one.
	tasks   map[string]cloudTask
	polls   []poll
	out     int
	most    int // The most polls that were out at once.
}

type cloudTask struct {
	ends    time.Time // Zero for never.
	failure string    // The reason of a failure; empty for success.
}

// poll is one that arrived.
type poll struct {
	at time.Time
	clb.TaskQuery
}

func newCloud() *cloud {
	return &cloud{latency: 20 * time.Millisecond, tasks: map[string]cloudTask{}}
}

func (c *cloud) Account() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.account, "account")
}

// key is the source of a Secret's key.
type key string

func keyOf(secret types.NamespacedName) clb.CredentialSource { return key(secret.String()) }

func (key) Credential(context.Context) (clb.Credential, error) { return clb.Credential{}, nil }

func (k key) Account() string { return string(k) }

func (c *cloud) Endpoint(product clb.Product, region string) clb.Endpoint {
	if c.host != nil {
		return clb.Endpoint{Scheme: "https", Host: c.host(region)}
	}
	return clb.Endpoint{Scheme: "https", Host: string(product) + ".example"}
}

// nameIn is what a request is called in tasks: its ID, of another product than clb with
// that before it, or "deal/" and its name.
func nameIn(q clb.TaskQuery) string {
	switch {
	case q.DealName != "":
		return "deal/" + q.DealName
	case q.Product != clb.CLB:
		return string(q.Product) + "/" + q.TaskID
	default:
		return q.TaskID
	}
}

// add lets the cloud know a request that ends after some time, or never for a negative one.
func (c *cloud) add(id string, lasts time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	task := cloudTask{ends: time.Now().Add(lasts)}
	if lasts < 0 {
		task.ends = time.Time{}
	}
	c.tasks[id] = task
}

// fail makes a request end as failed, now.
func (c *cloud) fail(id, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tasks[id] = cloudTask{ends: time.Now(), failure: reason}
}

func (c *cloud) setFault(fault func(q clb.TaskQuery) *clb.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = fault
}

// polled returns the polls of a request that arrived; of all requests for none.
func (c *cloud) polled(id string) []poll {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []poll
	for _, p := range c.polls {
		if id == "" || nameIn(p.TaskQuery) == id {
			found = append(found, p)
		}
	}
	return found
}

// DescribeTaskStatus implements controllers.API.
func (c *cloud) DescribeTaskStatus(ctx context.Context, q clb.TaskQuery) (clb.TaskStatus, error) {
	status, err := c.arrive(q)
	select {
	case <-ctx.Done():
		return clb.TaskStatus{}, ctx.Err()
	case <-time.After(c.latency):
	}
	c.mu.Lock()
	c.out--
	c.mu.Unlock()
	if err != nil {
		return clb.TaskStatus{}, err
	}
	return status, nil
}

func (c *cloud) arrive(q clb.TaskQuery) (clb.TaskStatus, *clb.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polls = append(c.polls, poll{time.Now(), q})
	c.out++
	c.most = max(c.most, c.out)
	if c.fault != nil {
		if err := c.fault(q); err != nil {
			return clb.TaskStatus{}, err
		}
	}
	task, known := c.tasks[nameIn(q)]
	status := clb.TaskStatus{State: clb.InProgress, RequestID: fmt.Sprint("call-", len(c.polls))}
	switch ended := !task.ends.IsZero() && !time.Now().Before(task.ends); {
	case !known:
		return clb.TaskStatus{}, problem(clb.ProblemTaskNotFound)
	case ended && task.failure != "":
		status.State, status.Message = clb.Failed, task.failure
	case ended:
		status.State = clb.Succeeded
	}
	return status, nil
}

// problem is the error of a poll that failed with it.
func problem(p clb.Problem) *clb.Error {
	return &clb.Error{Problem: p, Code: "Code." + string(p), Message: "as the API says", RequestID: "call-failed"}
}

// always fails every poll with a problem.
func always(p clb.Problem) func(clb.TaskQuery) *clb.Error {
	return func(clb.TaskQuery) *clb.Error { return problem(p) }
}
