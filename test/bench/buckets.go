package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	bucketCount = 50
	// tasksEach tasks keep a bucket busy, since each is polled every 30 s at the least.
	tasksEach = 650
)

// clouds is a simulator in another process, so that the time it takes is not
// counted as ours. Each of its addresses is a bucket.
type clouds struct {
	urls []string
	wait func() error
}

// startClouds starts the program of the simulator. It ends with the context.
func startClouds(ctx context.Context, program string) (*clouds, error) {
	addresses := slices.Repeat([]string{"127.0.0.1:0"}, bucketCount)
	other := exec.CommandContext(ctx, program, "-listen="+strings.Join(addresses, ","),
		fmt.Sprintf("-requests-per-second=%d", quota), fmt.Sprintf("-round-trip=%v", roundTrip))
	other.Env = append(os.Environ(), clb.EnvSecretID+"="+account, clb.EnvSecretKey+"="+account)
	other.Stderr = os.Stderr
	output, err := other.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := other.Start(); err != nil {
		return nil, fmt.Errorf("start the simulator, which -simulator must name: %w", err)
	}
	c := &clouds{wait: other.Wait}
	lines := bufio.NewScanner(output)
	for len(c.urls) < bucketCount && lines.Scan() {
		c.urls = append(c.urls, strings.TrimPrefix(lines.Text(), "listening on "))
	}
	if len(c.urls) < bucketCount {
		return nil, errors.Join(errors.New("the simulator has ended"), lines.Err(), c.wait())
	}
	for n := range tasksEach {
		if err := c.call(ctx, http.MethodPost, "tasks", clbsim.Task{ID: strconv.Itoa(n), Result: clbsim.Stuck}, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// call sends a request to the simulator's JSON interface.
func (c *clouds) call(ctx context.Context, method, path string, send, receive any) error {
	body, err := json.Marshal(send)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.urls[0]+"/simulator/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the simulator replies with %s", response.Status)
	}
	if receive == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(receive)
}

// count returns the calls so far, and how many of them were throttled.
func (c *clouds) count(ctx context.Context) (calls, throttled int, err error) {
	var stats clbsim.Stats
	err = c.call(ctx, http.MethodGet, "stats", nil, &stats)
	return stats.Calls, stats.Accounts[account].Throttled, err
}

// manyBuckets measures what a call costs the operator when fifty hosts are called
// at the limit of each: everything that its process does, with the API server and
// the simulated clouds in others.
func (c *cluster) manyBuckets(ctx context.Context, name string) ([]goal, error) {
	const lasting = 20 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	clouds, err := startClouds(ctx, c.simulator)
	if err != nil {
		cancel()
		return nil, err
	}
	defer func() { _ = clouds.wait() }() // It is killed.
	defer cancel()
	overrides := make([]string, bucketCount)
	for i, url := range clouds.urls {
		overrides[i] = bucketRegion(i) + "=" + url
	}
	api, err := newAPI(overrides...)
	if err != nil {
		return nil, err
	}
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
	before, _, err := clouds.count(ctx)
	if err != nil {
		return nil, err
	}
	pause(ctx, lasting)
	after, throttled, err := clouds.count(ctx)
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
			return c.Client.Create(ctx, &v1alpha1.CLBTask{
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
		err := c.Client.List(ctx, waiting, client.InNamespace(namespace), client.Limit(1),
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
