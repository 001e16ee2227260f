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
	scheduler   *polling.Scheduler[types.NamespacedName]
	now         func() time.Time

	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // The controller's: calls outlive the Reconcile that asked for them, and end with it.
	queue func(types.NamespacedName)
	tasks map[types.NamespacedName]*inquiry
}

// inquiry is one task, from when it is first asked about to its outcome.
type inquiry struct {
	uid      types.UID
	question clb.Question
	account  string
	// report is what the last question brought, until it is settled.
	report *report
	outcome
}

// outcome is what dealing with a report left behind.
type outcome struct {
	streak Streak
	// notBefore is the end of the backoff that the streak has earned.
	notBefore time.Time
	// written is the resource version of the last status written.
	written string
}

// report is an observation with its time.
type report struct {
	Observation
	at time.Time
}

func newPoller(api *clb.API, credentials clb.CredentialSource, options Options) (*poller, error) {
	p := &poller{api: api, credentials: credentials, now: options.Now, tasks: map[types.NamespacedName]*inquiry{}}
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
// where there is none, and the streak before it. What belonged to a former
// object of the same name is dropped.
func (p *poller) look(name types.NamespacedName, uid types.UID) (*report, Streak) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.tasks[name]
	if ok && q.uid != uid {
		p.drop(name)
		ok = false
	}
	if !ok {
		q = &inquiry{uid: uid}
		p.tasks[name] = q
		trackedTasks.Inc()
	}
	return q.report, q.streak
}

// written returns the resource version of the last status written for a task.
func (p *poller) written(name types.NamespacedName) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q, ok := p.tasks[name]; ok {
		return q.written
	}
	return ""
}

// settle notes that a report was dealt with, and how; an outcome without a
// resource version leaves the last one standing.
func (p *poller) settle(name types.NamespacedName, dealt *report, o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.tasks[name]
	if !ok {
		return
	}
	if q.report == dealt {
		q.report = nil
	}
	if o.written == "" {
		o.written = q.written
	}
	q.outcome = o
}

// forget drops a task: nothing more is asked about it.
func (p *poller) forget(name types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(name)
}

func (p *poller) drop(name types.NamespacedName) {
	if _, ok := p.tasks[name]; ok {
		delete(p.tasks, name)
		trackedTasks.Dec()
	}
	p.scheduler.Forget(name)
}

// ask asks for the next turn of a task, after its backoff. It fails where there
// are no credentials to ask with.
func (p *poller) ask(ctx context.Context, task *v1alpha1.CLBTask) error {
	credential, err := p.credentials.Credential(ctx)
	if err != nil {
		return err
	}
	name := types.NamespacedName{Namespace: task.Namespace, Name: task.Name}
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.tasks[name]
	if !ok {
		return nil // Forgotten meanwhile.
	}
	q.account = credential.Account()
	q.question = clb.Question{Region: task.Spec.Region, TaskID: task.Spec.RequestID}
	p.scheduler.Ask(polling.Task[types.NamespacedName]{
		Key:       name,
		Bucket:    polling.Bucket{Host: p.api.Endpoint(task.Spec.Region).Host, Account: q.account},
		Tenant:    task.Namespace,
		Born:      task.CreationTimestamp.Time,
		NotBefore: q.notBefore,
	})
	return nil
}

// turn makes the one call that a turn allows.
func (p *poller) turn(name types.NamespacedName, turn *polling.Turn[types.NamespacedName]) {
	defer turn.Return(polling.Unused) // Where no call was made: a second Return counts for nothing.
	p.mu.Lock()
	ctx, queue, q := p.ctx, p.queue, p.tasks[name]
	var question clb.Question
	var account string
	if q != nil {
		question, account = q.question, q.account
	}
	p.mu.Unlock()
	if q == nil {
		return
	}
	credential, err := p.credentials.Credential(ctx)
	if err != nil || credential.Account() != account {
		// The turn is another account's: the reconciler asks anew.
		turn.Return(polling.Unused)
		queue(name)
		return
	}
	question.Credential = credential
	turnWaitSeconds.Observe(turn.Waited().Seconds())
	seen, ok := p.call(ctx, name, question)
	turn.Return(polling.Answered)
	if !ok {
		return
	}
	p.mu.Lock()
	if p.tasks[name] == q {
		q.report = &seen
	}
	p.mu.Unlock()
	queue(name)
}

// call asks once. It reports false where the controller is ending, which says
// nothing about the task.
func (p *poller) call(ctx context.Context, name types.NamespacedName, question clb.Question) (report, bool) {
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
		log.FromContext(ctx).V(1).Info("The question was not answered", "task", name, "requestID", question.TaskID,
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
