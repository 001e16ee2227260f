package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	bucketCount = 50
	// tasksEach tasks keep a bucket busy until they are 109 s old: each is due
	// after an eleventh of its age.
	tasksEach = 200
	// simulatorMode makes this program the simulator of the measurement of many
	// buckets, so that the time it takes is not counted as ours.
	simulatorMode = "simulator"
)

// serveBuckets is the other process: an API for each bucket. It prints their
// URLs, then for each line that it reads the calls so far, and those throttled.
func serveBuckets() error {
	clouds := make([]*clbsim.Simulator, bucketCount)
	for i := range clouds {
		clouds[i] = clbsim.New(clbsim.Config{
			Credentials:       []clbsim.Credential{{SecretID: account, SecretKey: account}},
			RequestsPerSecond: quota, RoundTrip: roundTrip, LogLimit: 1,
		})
		for n := range tasksEach {
			clouds[i].AddTask(clbsim.Task{ID: strconv.Itoa(n), Outcome: clbsim.Stuck})
		}
		server, err := clouds[i].Start("127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Println(server.URL) // It is closed by the end of the process.
	}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		calls, throttled := 0, 0
		for _, cloud := range clouds {
			stats := cloud.Stats()
			calls += stats.Calls
			throttled += stats.Accounts[account].Throttled
		}
		fmt.Println(calls, throttled)
	}
	return input.Err()
}

// clouds is the other process, seen from here.
type clouds struct {
	urls   []string
	ask    io.WriteCloser
	answer *bufio.Scanner
	wait   func() error
}

func startClouds(ctx context.Context) (*clouds, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	other := exec.CommandContext(ctx, self, simulatorMode)
	input, err := other.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := other.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &clouds{ask: input, answer: bufio.NewScanner(output), wait: other.Wait}
	if err := other.Start(); err != nil {
		return nil, err
	}
	for len(c.urls) < bucketCount && c.answer.Scan() {
		c.urls = append(c.urls, c.answer.Text())
	}
	return c, c.answer.Err()
}

// count returns the calls so far, and how many of them were throttled.
func (c *clouds) count() (calls, throttled int, err error) {
	if _, err := fmt.Fprintln(c.ask); err != nil {
		return 0, 0, err
	}
	c.answer.Scan()
	_, err = fmt.Sscan(c.answer.Text(), &calls, &throttled)
	return calls, throttled, err
}

func (c *clouds) close() error { return errors.Join(c.ask.Close(), c.wait()) }

// manyBuckets measures what a call costs the operator when fifty hosts are called
// at the limit of each: everything that its process does, with the API server and
// the simulated clouds in others.
func (c *cluster) manyBuckets(ctx context.Context, name string) ([]goal, error) {
	const lasting = 20 * time.Second
	clouds, err := startClouds(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = clouds.close() }()
	overrides := make([]string, bucketCount)
	for i, url := range clouds.urls {
		overrides[i] = bucketRegion(i) + "=" + url
	}
	api, err := newAPI(overrides...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	namespace, err := c.namespace(ctx)
	if err != nil {
		return nil, err
	}
	ended, err := c.operate(ctx, &run{api: api}, namespace)
	if err != nil {
		return nil, err
	}
	if err := c.fillBuckets(ctx, namespace); err != nil {
		return nil, err
	}
	begun, used := time.Now(), cpuSeconds()
	before, _, err := clouds.count()
	if err != nil {
		return nil, err
	}
	pause(ctx, lasting)
	after, throttled, err := clouds.count()
	calls, cpu, lasted := float64(after-before), cpuSeconds()-used, time.Since(begun)
	if err != nil {
		return nil, err
	}
	cancel()
	ended()
	return []goal{
		{load: name, what: "CPU a call, ms", limit: 1, measured: 1000 * cpu / calls},
		{load: name, what: "calls a second", limit: 0.95 * bucketCount * quota, measured: calls / lasted.Seconds(), atLeast: true},
		{load: name, what: "throttled", limit: 0, measured: float64(throttled)},
	}, nil
}

func bucketRegion(i int) string { return "xx-bucket" + strconv.Itoa(i) }

// fillBuckets creates the tasks of all buckets, and waits until each is Running.
func (c *cluster) fillBuckets(ctx context.Context, namespace string) error {
	var creators errgroup.Group
	creators.SetLimit(creating)
	for i := range bucketCount * tasksEach {
		bucket, n := i%bucketCount, i/bucketCount
		creators.Go(func() error {
			return c.client.Create(ctx, &v1alpha1.CLBTask{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("task-%d-%d", bucket, n)},
				Spec:       v1alpha1.CLBTaskSpec{RequestID: strconv.Itoa(n), Region: bucketRegion(bucket)},
			})
		})
	}
	if err := creators.Wait(); err != nil {
		return err
	}
	for {
		waiting := new(v1alpha1.CLBTaskList)
		err := c.client.List(ctx, waiting, client.InNamespace(namespace), client.Limit(1),
			client.MatchingFields{"status.phase": string(v1alpha1.PhasePending)})
		if err != nil || len(waiting.Items) == 0 || !pause(ctx, time.Second) {
			return errors.Join(err, ctx.Err())
		}
	}
}

// cpuSeconds returns what this process has used of the processors.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
