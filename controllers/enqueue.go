package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// tasks returns the tasks at a key of the index. They are the cache's own, to be read
// only.
func (p *poller) tasks(key string, options ...client.ListOption) ([]v1alpha1.CLBTask, error) {
	list := new(v1alpha1.CLBTaskList)
	options = append(options, client.MatchingFields{requestField: key}, client.UnsafeDisableDeepCopy)
	err := p.reader.List(context.Background(), list, options...)
	return list.Items, err
}

// enqueueChanged puts those tasks of a request into the queue whose status a decision
// would now change.
func (p *poller) enqueueChanged(q request) {
	history, health := p.look(q)
	tasks, err := p.tasks(q.polledKey())
	if err != nil {
		log.FromContext(p.ctx).Error(err, "Tasks of a request cannot be listed", q.logFields()...)
	}
	for i := range tasks {
		if p.policy.Decide(&tasks[i], history, health, time.Now()).Changed {
			p.queue.Add(nameOf(&tasks[i]))
		}
	}
}

// spreadRate is how many tasks a second are enqueued for the problems that begin or end
// around their requests, or by a resync that finds what changes their status, all of them
// together.
const spreadRate = 100

// enqueueSpread puts the tasks of many requests into the queue, spread over time.
func (p *poller) enqueueSpread(requests []request) {
	for _, q := range requests {
		tasks, err := p.tasks(q.polledKey())
		if err != nil {
			log.FromContext(p.ctx).Error(err, "Tasks of a request cannot be listed", q.logFields()...)
			continue
		}
		for i := range tasks {
			p.queue.AddAfter(nameOf(&tasks[i]), p.spread.Reserve().Delay())
		}
	}
}

// resync enqueues a task to which nothing has happened, after those to which something has.
// The cache resyncs all tasks at the same moment, so those whose status would change are
// spread over time.
func (p *poller) resync(task *v1alpha1.CLBTask) {
	p.mu.Lock()
	queue := p.queue
	p.mu.Unlock()
	if queue == nil {
		return // Another replica leads.
	}
	options := priorityqueue.AddOpts{Priority: new(handler.LowPriority)}
	history, health := p.look(requestOf(task))
	if p.policy.Decide(task, history, health, time.Now()).Changed {
		options.After = p.spread.Reserve().Delay()
	}
	queue.AddWithOpts(options, nameOf(task))
}

func nameOf(task *v1alpha1.CLBTask) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Namespace: task.Namespace, Name: task.Name}}
}
