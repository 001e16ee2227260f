package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/lifecycle"
)

const (
	// finishedPrefix begins the request IDs of finished objects.
	finishedPrefix = "finished-"
	// writers is how many objects are written at a time.
	writers = 16
)

// object makes the CLBTask of a request. The hosts take turns.
func object(namespace, requestID string, i int) *v1alpha1.CLBTask {
	return &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: requestID},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: requestID, Region: bucketRegion(i % hosts), Action: "CreateLoadBalancer"},
	}
}

// createFinished creates finished objects, with the status that the operator gives them.
func (c *crowd) createFinished(ctx context.Context, namespace string) error {
	creators, ctx := errgroup.WithContext(ctx)
	creators.SetLimit(writers)
	for i := range c.finished {
		creators.Go(func() error {
			task := object(namespace, fmt.Sprintf("%s%d", finishedPrefix, i), i)
			if err := c.Client.Create(ctx, task); err != nil {
				return err
			}
			now := time.Now()
			history := lifecycle.History{}.Observe(lifecycle.Observation{Status: clb.TaskStatus{
				State: clb.Succeeded, LoadBalancerIDs: []string{fmt.Sprintf("lb-%08d", i)}, RequestID: fmt.Sprintf("simulated-%026d", i),
			}}, lifecycle.Health{}, now)
			task.Status = lifecycle.Policy{}.Decide(task, history, lifecycle.Health{}, now).Status
			return c.Client.Status().Update(ctx, task)
		})
	}
	return creators.Wait()
}

// createRunning creates objects whose requests never end.
func (c *crowd) createRunning(ctx context.Context, namespace, name string, count int) error {
	creators, ctx := errgroup.WithContext(ctx)
	creators.SetLimit(writers)
	for i := range count {
		creators.Go(func() error {
			return c.Client.Create(ctx, object(namespace, fmt.Sprintf("sim-never-%s-%d", name, i), i))
		})
	}
	return creators.Wait()
}

// churnRate is how many objects are created and how many are deleted in a second, and
// churnLag how many are there at a time.
const (
	churnRate = 10
	churnLag  = 300
)

// comeAndGo lets objects come and go, and looks at the operator meanwhile.
func (c *crowd) comeAndGo(ctx context.Context, namespace string, page *scalePage) error {
	c.note("objects come and go for %v", c.churn)
	ctx, cancel := context.WithTimeout(ctx, c.churn)
	defer cancel()
	churning, ctx := errgroup.WithContext(ctx)
	churning.Go(func() error {
		limiter := rate.NewLimiter(churnRate, 1)
		random := rand.New(rand.NewPCG(c.seed, 0))
		var there []*v1alpha1.CLBTask
		for i := 0; limiter.Wait(ctx) == nil; i++ {
			id := fmt.Sprintf("sim-succeeds-%ds-churn-%d", 1+random.IntN(20), i)
			if i%10 == 0 { // It is deleted while it is running.
				id = fmt.Sprintf("sim-never-churn-%d", i)
			}
			task := object(namespace, id, i)
			there = append(there, task)
			err := c.Client.Create(ctx, task)
			if len(there) > churnLag {
				err = errors.Join(err, c.Client.Delete(ctx, there[0]))
				there = there[1:]
			}
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
	every := max(c.churn/200, time.Second)
	for pause(ctx, every) {
		l, err := c.operator.look(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			page.looks = append(page.looks, l)
		}
	}
	if err := churning.Wait(); err != nil {
		return err
	}
	page.churned()
	return nil
}

// shown waits until all running objects show a reason, and returns what the operator was
// like in each second until then.
func (c *crowd) shown(ctx context.Context, namespace, reason string) ([]look, error) {
	var looks []look
	for n := 1; pause(ctx, time.Second); n++ {
		l, err := c.operator.look(ctx)
		if err != nil {
			return nil, err
		}
		looks = append(looks, l)
		if n%15 > 0 {
			continue // It takes the API server some time.
		}
		if done, err := c.allShow(ctx, namespace, reason); done || err != nil {
			return looks, err
		}
	}
	return nil, ctx.Err()
}

func (c *crowd) allShow(ctx context.Context, namespace, reason string) (bool, error) {
	pending := new(v1alpha1.CLBTaskList)
	err := c.Client.List(ctx, pending, client.InNamespace(namespace), client.MatchingFields{"status.phase": string(v1alpha1.PhasePending)}, client.Limit(1))
	if err != nil || len(pending.Items) > 0 {
		return false, err
	}
	for next := ""; ; {
		list := new(v1alpha1.CLBTaskList)
		err := c.Client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{"status.phase": string(v1alpha1.PhaseRunning)},
			client.Limit(1000), client.Continue(next))
		if err != nil {
			return false, err
		}
		for i := range list.Items {
			if ready := meta.FindStatusCondition(list.Items[i].Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != reason {
				return false, nil
			}
		}
		if next = list.Continue; next == "" {
			return true, nil
		}
	}
}
