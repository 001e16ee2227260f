package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

const (
	bucketCount = 50
	// simulatorMode makes this program the simulator of the measurement of many
	// buckets, so that the time it takes is not counted as ours.
	simulatorMode = "simulator"
)

// serveBuckets is the other process: it prints its URL, and ends with its input.
func serveBuckets() error {
	conf := clbsim.Config{RequestsPerSecond: quota, RoundTrip: roundTrip, LogLimit: 1}
	for i := range bucketCount {
		id := "account-" + strconv.Itoa(i)
		conf.Credentials = append(conf.Credentials, clbsim.Credential{SecretID: id, SecretKey: id})
	}
	sim := clbsim.New(conf)
	sim.AddTask(clbsim.Task{ID: "stuck", Outcome: clbsim.Stuck})
	server, err := sim.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println(server.URL)
	_, err = io.Copy(io.Discard, os.Stdin)
	throttled := 0
	for _, stats := range sim.Stats().Accounts {
		throttled += stats.Throttled
	}
	fmt.Println(throttled)
	return err
}

// manyBuckets measures what a call costs where fifty accounts are asked at the
// limit of each: scheduler, SDK, HTTP and all.
func manyBuckets(ctx context.Context) ([]goal, error) {
	const lasting = 20 * time.Second
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
	if err := other.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(output)
	lines.Scan()
	calls, seconds, err := askBuckets(ctx, lines.Text(), lasting)
	if err != nil {
		return nil, err
	}
	if err := input.Close(); err != nil {
		return nil, err
	}
	lines.Scan()
	throttled, err := strconv.ParseFloat(strings.TrimSpace(lines.Text()), 64)
	if err != nil {
		return nil, err
	}
	const name = "50 buckets at 20/s each"
	return []goal{
		{load: name, what: "CPU a call, ms", limit: 1, measured: 1000 * seconds / float64(calls)},
		{load: name, what: "calls a second", limit: 0.95 * bucketCount * quota, measured: float64(calls) / lasting.Seconds(), atLeast: true},
		{load: name, what: "throttled", limit: 0, measured: throttled},
	}, other.Wait()
}

// askBuckets asks in all buckets for some time. It returns the calls, and the
// seconds of CPU that they took.
func askBuckets(ctx context.Context, url string, lasting time.Duration) (calls int64, cpu float64, err error) {
	endpoints, err := clb.NewEndpoints(url, "")
	if err != nil {
		return 0, 0, err
	}
	api, err := clb.NewAPI(endpoints, 5*time.Second)
	if err != nil {
		return 0, 0, err
	}
	var scheduler *polling.Scheduler[int]
	var made atomic.Int64
	var running sync.WaitGroup
	ask := func(key int) {
		who := "account-" + strconv.Itoa(key%bucketCount)
		scheduler.Ask(polling.Task[int]{Key: key, Bucket: polling.Bucket{Host: "clb", Account: who}, Born: time.Now()})
	}
	scheduler, err = polling.New(quota, func(key int, turn *polling.Turn[int]) {
		running.Add(1)
		defer running.Done()
		who := "account-" + strconv.Itoa(key%bucketCount)
		state, err := api.DescribeTaskStatus(ctx, clb.Question{Region: region, TaskID: "stuck", Credential: clb.NewCredential(who, who, "")})
		made.Add(1)
		turn.Return(outcome(state.State, err))
		ask(key)
	})
	if err != nil {
		return 0, 0, err
	}
	scheduler.Start()
	for key := range 100 * bucketCount {
		ask(key)
	}
	pause(ctx, 5*time.Second) // Connections and clients are made.
	before, used := made.Load(), cpuSeconds()
	pause(ctx, lasting)
	calls, cpu = made.Load()-before, cpuSeconds()-used
	scheduler.Stop()
	running.Wait()
	return calls, cpu, nil
}

// cpuSeconds returns what this process has used of the processors.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
