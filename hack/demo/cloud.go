package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	// samplesFile holds the CLBTasks that are applied. Their request IDs and
	// regions are read from it, so that the simulated cloud knows the same.
	samplesFile = "config/samples/clb_v1alpha1_clbtask.yaml"
	// roundTrip is what a call within a region takes.
	roundTrip = 20 * time.Millisecond
)

// part is what the cloud makes of a sample, and what must come of it.
type part struct {
	known bool // Whether there is such a task.
	// duration, result, message and loadBalancers are as in clbsim.Task.
	duration      time.Duration
	result        clbsim.Result
	message       string
	loadBalancers []string

	waitFor string // What kubectl waits for.
	phase   v1alpha1.Phase
	reason  string // Of the condition Ready.
}

// cast has a part for each sample, by its name.
var cast = map[string]part{
	"create-web-lb": {
		known: true, duration: 4 * time.Second, result: clbsim.Succeeded, loadBalancers: []string{"lb-6efswuxa"},
		waitFor: "condition=Succeeded", phase: v1alpha1.PhaseSucceeded, reason: v1alpha1.ReasonTaskSucceeded,
	},
	"bind-backends": {
		known: true, duration: 3 * time.Second, result: clbsim.Failed,
		message: "The backend ins-5f2k8p1c is not in the VPC of the load balancer.",
		waitFor: "condition=Failed", phase: v1alpha1.PhaseFailed, reason: v1alpha1.ReasonTaskFailed,
	},
	"finance-listener": {
		known: true, duration: 6 * time.Second, result: clbsim.Succeeded,
		waitFor: "condition=Succeeded", phase: v1alpha1.PhaseSucceeded, reason: v1alpha1.ReasonTaskSucceeded,
	},
	// It becomes Unknown after some two minutes: longer than a demo should take.
	"mistyped-request": {
		waitFor: `jsonpath={.status.conditions[?(@.type=="Ready")].reason}=` + v1alpha1.ReasonTaskNotFound,
		phase:   v1alpha1.PhasePending, reason: v1alpha1.ReasonTaskNotFound,
	},
}

// spares are request IDs to try things with, in a demo that is kept.
var spares = []clbsim.Task{
	{ID: "demo-succeeds-10s", FromFirstPoll: true, Duration: 10 * time.Second, LoadBalancerIDs: []string{"lb-5b2k9t0e"}},
	{ID: "demo-fails-10s", FromFirstPoll: true, Duration: 10 * time.Second, Result: clbsim.Failed, Message: "The listener port 443 is in use."},
	{ID: "demo-never-ends", Result: clbsim.Stuck},
}

// sample is one CLBTask that is applied, with its part.
type sample struct {
	name, requestID, region string
	part
}

// readSamples reads the samples in their order. Each must have a part, and each
// part a sample.
func readSamples(file string) (_ []sample, err error) {
	content, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	decoder := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(content), 4096)
	var samples []sample
	for {
		var task v1alpha1.CLBTask
		if err := decoder.Decode(&task); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		played, ok := cast[task.Name]
		if !ok {
			return nil, fmt.Errorf("%s: the demo has no part for %q", file, task.Name)
		}
		samples = append(samples, sample{task.Name, task.Spec.RequestID, task.Spec.Region, played})
	}
	if len(samples) != len(cast) {
		return nil, fmt.Errorf("%s: there are %d samples, and the demo has %d parts", file, len(samples), len(cast))
	}
	return samples, nil
}

// cloud is the simulated CLB API, with one account.
type cloud struct {
	*clbsim.Simulator
	server     *httptest.Server
	credential clbsim.Credential
}

func startCloud(samples []sample, keep bool) *cloud {
	c := &cloud{credential: clbsim.Credential{SecretID: "AKID" + rand.Text(), SecretKey: rand.Text()}}
	c.Simulator = clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{c.credential}, RoundTrip: roundTrip})
	for _, s := range samples {
		if s.known {
			c.AddTask(clbsim.Task{
				ID: s.requestID, Region: s.region, Duration: s.duration,
				FromFirstPoll: true, // However long the operator takes to start, the task is seen to run.
				Result:        s.result, Message: s.message, LoadBalancerIDs: s.loadBalancers,
			})
		}
	}
	if keep {
		for _, spare := range spares {
			c.AddTask(spare)
		}
	}
	c.server = httptest.NewServer(c)
	return c
}

// environment holds the credential for the operator, and nobody else.
func (c *cloud) environment() []string {
	return []string{clb.EnvSecretID + "=" + c.credential.SecretID, clb.EnvSecretKey + "=" + c.credential.SecretKey}
}

// stats are those of the operator's calls that bore a right signature; total is
// the number of all calls.
func (c *cloud) stats() (total int, verified clbsim.AccountStats) {
	stats := c.Stats()
	return stats.Calls, stats.Accounts[c.credential.SecretID]
}

// end returns when the cloud was done with a sample, zero for one it does not
// know.
func (c *cloud) end(s sample) time.Time {
	task, _ := c.Task(s.requestID)
	return task.End()
}
