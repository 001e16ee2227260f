package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/polling"
)

// poller asks the API about tasks, in the turns that package polling grants, and
// keeps each answer until the reconciler has written what follows from it.
type poller struct {
	api         *clb.API
	credentials clb.CredentialSource
	scheduler   *polling.Scheduler[*inquiry]
	now         func() time.Time

	mu        sync.Mutex
	ctx       context.Context //nolint:containedctx // The controller's: calls outlive the Reconcile that asked for them, and end with it.
	queue     func(types.NamespacedName)
	tasks     map[types.NamespacedName]*follower
	inquiries map[subject]*inquiry
}

func newPoller(api *clb.API, credentials clb.CredentialSource, options Options) (*poller, error) {
	p := &poller{api: api, credentials: credentials, now: options.Now}
	p.tasks, p.inquiries = map[types.NamespacedName]*follower{}, map[subject]*inquiry{}
	scheduler, err := polling.New(options.Slots, p.turn)
	if err != nil {
		return nil, err
	}
	p.scheduler = scheduler
	return p, nil
}

// start lets turns be granted until ctx ends. queue is called for a task whose
// report is there.
func (p *poller) start(ctx context.Context, queue func(types.NamespacedName)) {
	p.mu.Lock()
	p.ctx, p.queue = ctx, queue
	p.mu.Unlock()
	p.scheduler.Start()
	context.AfterFunc(ctx, p.scheduler.Stop)
}

// look returns what is known of a task: the report that waits to be settled, nil
// where there is none, the streak before it, and whether it was known at all.
// What belonged to a former object of the same name is dropped.
func (p *poller) look(name types.NamespacedName, uid types.UID) (*report, Streak, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.tasks[name]
	if ok && f.uid != uid {
		p.drop(name)
		ok = false
	}
	if !ok {
		f = &follower{name: name, uid: uid}
		p.tasks[name] = f
		trackedTasks.Inc()
	}
	var streak Streak
	if f.streak != nil {
		streak = *f.streak
	}
	return f.report, streak, ok
}

// written returns the resource version of the last status written for a task.
func (p *poller) written(name types.NamespacedName) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.tasks[name]; ok {
		return f.written
	}
	return ""
}

// settle notes that a report was dealt with, and how; an outcome without a
// resource version leaves the last one standing.
func (p *poller) settle(name types.NamespacedName, dealt *report, o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.tasks[name]
	if !ok {
		return
	}
	if f.report == dealt {
		f.report = nil
	}
	if o.written == "" {
		o.written = f.written
	}
	f.outcome = o
}

// unfollow asks nothing more for a task, and keeps what is known of it.
func (p *poller) unfollow(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f, ok := p.tasks[name]; ok {
		p.leave(f)
	}
}

// forget drops a task: nothing more is asked about it.
func (p *poller) forget(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(name)
}

func (p *poller) drop(name types.NamespacedName) {
	if f, ok := p.tasks[name]; ok {
		p.leave(f)
		delete(p.tasks, name)
		trackedTasks.Dec()
	}
}

// leave lets go of the question that a follower asked last.
func (p *poller) leave(f *follower) {
	if q := f.inquiry; q != nil && q.leave(f) {
		delete(p.inquiries, q.subject)
		p.scheduler.Forget(q)
	}
}

// ask asks for the next turn of a task, after its backoff. It fails where there
// are no credentials to ask with.
func (p *poller) ask(ctx context.Context, task *v1alpha1.CLBTask) error {
	credential, err := p.credentials.Credential(ctx)
	if err != nil {
		return err
	}
	about := subject{
		bucket: polling.Bucket{Host: p.api.Endpoint(task.Spec.Region).Host, Account: credential.Account()},
		region: task.Spec.Region,
		taskID: task.Spec.RequestID,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.tasks[types.NamespacedName{Namespace: task.Namespace, Name: task.Name}]
	if !ok {
		return nil // Forgotten meanwhile.
	}
	if f.inquiry != nil && f.inquiry.subject != about {
		p.leave(f)
	}
	q, ok := p.inquiries[about]
	if !ok {
		q = &inquiry{subject: about}
		p.inquiries[about] = q
	}
	q.join(f, bornAt(task.CreationTimestamp.Time, p.now()))
	p.scheduler.Ask(polling.Task[*inquiry]{
		Key:       q,
		Bucket:    q.bucket,
		Tenant:    task.Namespace,
		Born:      q.born,
		NotBefore: q.notBefore,
		Resumed:   task.Status.StartTime != nil,
	})
	return nil
}

// turn makes the one call that a turn allows, and tells the answer to all who
// wait for it. The turn is returned first: who asks between the two gets this
// answer, and one turn more to use or leave.
func (p *poller) turn(q *inquiry, turn *polling.Turn[*inquiry]) {
	defer turn.Return(polling.Unused) // Where the call panics: a second Return counts for nothing.
	p.mu.Lock()
	ctx, waiting := p.ctx, q.waiting
	p.mu.Unlock()
	credential, err := p.credentials.Credential(ctx)
	if waiting == 0 || err != nil || credential.Account() != q.bucket.Account {
		// Nobody waits any more, or the turn is another account's. Whoever waits
		// when it has been returned asks anew: the scheduler has dropped what they
		// asked while it was out.
		turn.Return(polling.Unused)
		p.wake(q.names)
		return
	}
	turnWaitSeconds.Observe(turn.Waited().Seconds())
	seen, ok := p.call(ctx, clb.Question{Region: q.region, TaskID: q.taskID, Credential: credential})
	if !ok {
		turn.Return(polling.NoAnswer)
		return
	}
	turn.Return(seen.outcome())
	p.wake(func() []types.NamespacedName { return q.tell(&seen) })
}

// wake queues the tasks of some names.
func (p *poller) wake(names func() []types.NamespacedName) {
	p.mu.Lock()
	queue, woken := p.queue, names()
	p.mu.Unlock()
	for _, name := range woken {
		queue(name)
	}
}

// call asks once. It reports false where the controller is ending, which says
// nothing about the task.
func (p *poller) call(ctx context.Context, question clb.Question) (report, bool) {
	begun := p.now()
	answer, err := p.api.DescribeTaskStatus(ctx, question)
	seen := report{at: p.now()}
	var failed *clb.Error
	switch {
	case err == nil:
		seen.Answer = answer
		answers.WithLabelValues(answerLabel(answer.State)).Inc()
	case errors.As(err, &failed):
		seen.Err = failed
	default:
		return report{}, false
	}
	code := "OK"
	if failed != nil {
		code = failed.Code
		log.FromContext(ctx).V(1).Info("The question was not answered", "requestID", question.TaskID,
			"region", question.Region, "code", code, "class", failed.Class.String(), "reason", failed.Problem,
			"apiRequestID", failed.RequestID, "message", failed.Message)
	}
	apiCalls.WithLabelValues(question.Region, code).Inc()
	apiCallSeconds.WithLabelValues(question.Region).Observe(seen.at.Sub(begun).Seconds())
	return seen, true
}

func answerLabel(state clb.State) string {
	switch state {
	case clb.Succeeded:
		return "succeeded"
	case clb.Failed:
		return "failed"
	default:
		return "in_progress"
	}
}
