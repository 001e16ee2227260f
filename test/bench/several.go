package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// sharers are operators, each a process with a namespace of its own, that poll with the same key.
type sharers struct {
	*cluster
	*run
	settings

	folder  string
	running []*operator

	answered, throttled float64 // Calls of all, while they were counted.
	least, most, latest float64 // Shares of a single one, over an even share.
}

// several measures how three operators of one account share its quota: two, and a third
// that comes later.
func (c *cluster) several(ctx context.Context, s settings, name string) (goals []goal, err error) {
	r, err := newRun(0)
	if err != nil {
		return nil, err
	}
	defer r.server.Close()
	folder, err := os.MkdirTemp("", "bench-several-")
	if err != nil {
		return nil, err
	}
	all := &sharers{cluster: c, settings: s, run: r, folder: folder, least: quota}
	defer func() {
		for _, one := range all.running {
			err = errors.Join(err, one.Stop())
		}
		err = errors.Join(err, os.RemoveAll(folder))
	}()
	const settling = time.Minute
	if err := errors.Join(all.join(ctx), all.join(ctx)); err != nil {
		return nil, err
	}
	all.count(ctx, settling, 3*time.Minute)
	if err := all.join(ctx); err != nil {
		return nil, err
	}
	all.count(ctx, settling, 2*time.Minute)
	return []goal{
		{load: name, what: "throttled share, %", limit: 3, measured: 100 * all.throttled / (all.answered + all.throttled)},
		{load: name, what: "least share of the quota (an even one: 1)", limit: 0.5, measured: all.least, atLeast: true},
		{load: name, what: "largest share of the quota (an even one: 1)", limit: 2, measured: all.most},
		{load: name, what: "share of the one that comes later (an even one: 1)", limit: 0.5, measured: all.latest, atLeast: true},
	}, ctx.Err()
}

// join starts one more operator, with more tasks than it can poll: each is due twice a minute.
func (s *sharers) join(ctx context.Context) error {
	const tasks = 400
	namespace, err := s.namespace(ctx)
	if err != nil {
		return err
	}
	name := fmt.Sprint("operator", len(s.running))
	var creators errgroup.Group
	creators.SetLimit(creating)
	for i := range tasks {
		id := fmt.Sprintf("%s-%d", name, i)
		s.sim.AddTask(clbsim.Task{ID: id, Result: clbsim.Stuck})
		creators.Go(func() error {
			return s.Client.Create(ctx, &v1alpha1.CLBTask{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id},
				Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: region},
			})
		})
	}
	if err := creators.Wait(); err != nil {
		return err
	}
	one, err := s.startOperator(ctx, s.manager, s.folder, name, "--clb-endpoint="+s.server.URL, "--watch-namespaces="+namespace)
	if err == nil {
		s.running = append(s.running, one)
	}
	return err
}

// count counts the calls of each operator for some time, once they have settled.
func (s *sharers) count(ctx context.Context, settling, lasting time.Duration) {
	pause(ctx, settling)
	begun := time.Now()
	pause(ctx, lasting)
	answered := map[string]float64{}
	for _, call := range s.sim.Calls() {
		switch name, _, _ := strings.Cut(call.TaskID, "-"); {
		case call.At.Before(begun) || name == "":
		case call.Throttled:
			s.throttled++
		default:
			s.answered++
			answered[name]++
		}
	}
	for i := range s.running {
		s.latest = answered[fmt.Sprint("operator", i)] / lasting.Seconds() / quota * float64(len(s.running))
		s.least, s.most = min(s.least, s.latest), max(s.most, s.latest)
		fmt.Fprintf(s.log, "operator %d of %d: %.2f of an even share\n", i+1, len(s.running), s.latest)
	}
}
