package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// arrivals is how many tasks begin in a second.
const arrivals = 1.5

// load lets tasks begin and end, and changes what happens around them from stage to
// stage.
func (w *world) load(ctx context.Context, stage time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	random := rand.New(rand.NewPCG(1, 1))
	failed := make(chan error, 1)
	go func() { failed <- w.arrive(ctx, random) }()
	stages := []struct {
		name string
		act  func(context.Context) error
	}{
		{"nothing but tasks", nil},
		{"two of five calls fail in " + regions[0], func(context.Context) error {
			w.clouds[0].AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "InternalError", Message: "Try again.", Share: 0.3})
			w.clouds[0].AddFault(clbsim.Fault{Kind: clbsim.Reset, Share: 0.1})
			return nil
		}},
		{"another program takes 15 of 20 calls a second", func(ctx context.Context) error {
			w.clouds[0].ClearFaults()
			return w.another(ctx, stage)
		}},
		{"600 tasks come at once", func(ctx context.Context) error {
			for range 600 {
				if err := w.begin(ctx, random, regions[0], time.Duration(30+random.IntN(60))*time.Second); err != nil {
					return err
				}
			}
			return nil
		}},
		{"the key is refused in " + regions[1], func(context.Context) error {
			w.clouds[1].AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.SecretIdNotFound", Message: "The SecretId is not found."})
			return nil
		}},
		{"the leader is asked to end", func(ctx context.Context) error {
			w.clouds[1].ClearFaults()
			leader, err := w.prometheus.instance(ctx, "leader_election_master_status == 1")
			if err != nil {
				return err
			}
			return w.replicas[leader].Process.Signal(syscall.SIGTERM)
		}},
	}
	for _, s := range stages {
		fmt.Println(time.Now().Format(time.TimeOnly), s.name)
		over := time.After(stage)
		if s.act != nil {
			if err := s.act(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		select {
		case <-over:
		case err := <-failed:
			return err
		}
	}
	return nil
}

// arrive lets tasks begin until ctx ends.
func (w *world) arrive(ctx context.Context, random *rand.Rand) error {
	random = rand.New(rand.NewPCG(random.Uint64(), 2))
	limiter := rate.NewLimiter(arrivals, 1)
	for limiter.Wait(ctx) == nil {
		region := regions[0]
		if random.IntN(4) == 0 {
			region = regions[1]
		}
		// Log-normal, as durations of calls of the cloud are; most take some seconds.
		duration := time.Duration(5 * math.Exp(0.8*random.NormFloat64()) * float64(time.Second))
		if err := w.begin(ctx, random, region, duration); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a task in a cloud, and follows it.
func (w *world) begin(ctx context.Context, random *rand.Rand, region string, duration time.Duration) error {
	id := fmt.Sprintf("%016x", random.Uint64())
	task := clbsim.Task{ID: id, Duration: duration}
	if random.IntN(10) == 0 {
		task.Result, task.Message = clbsim.Failed, "The backend is not in the VPC of the load balancer."
	}
	if random.IntN(40) > 0 { // The others have a mistyped ID.
		for i, cloud := range w.clouds {
			if regions[i] == region {
				cloud.AddTask(task)
			}
		}
	}
	err := w.cluster.Client.Create(ctx, &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "task-" + id},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: region},
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // The load is over.
	}
	return err
}

// another calls the first cloud with another key of the same account, for a time.
func (w *world) another(ctx context.Context, lasting time.Duration) error {
	key := realenv.KeyPair{ID: "another-id", Key: "another-key"}
	w.clouds[0].AddCredential(clbsim.Credential{SecretID: key.ID, SecretKey: key.Key, Account: realenv.Simulated.ID})
	api, err := realenv.NewAPI(key, time.Second, w.clouds[0].URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lasting)
	go func() {
		defer cancel()
		limiter := rate.NewLimiter(15, 1)
		for limiter.Wait(ctx) == nil {
			_, err := api.DescribeTaskStatus(ctx, clb.TaskQuery{Region: regions[0], TaskID: "of-another-program"})
			if failed := new(clb.Error); err != nil && !errors.As(err, &failed) {
				return // The time is over.
			}
		}
	}()
	return nil
}
