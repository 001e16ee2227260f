package follow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

// Source lists and watches the tasks among which those that are waited for are.
type Source interface {
	List(ctx context.Context, options metav1.ListOptions) (*v1alpha1.CLBTaskList, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// Options say how to wait.
type Options struct {
	// Timeout ends the waiting; 0 looks once, and a negative one never ends.
	Timeout time.Duration
	// FailFast ends at the first task that ends without success.
	FailFast bool
	// AllowSuspended waits for suspended tasks, too.
	AllowSuspended bool
	// Token, if not empty, is the value of the annotation that asks for a poll: what a status
	// says before the operator has acted on it is old.
	Token string
	// UntilHandled ends for a task once that is so, whether or not the task has ended.
	UntilHandled bool
	Progress     *Progress
}

// handled reports whether a status is as new as it is to be.
func (o *Options) handled(task *v1alpha1.CLBTask) bool {
	return o.Token == "" || task.Status.LastHandledReconcileAt == o.Token
}

// unseen is how long the first answer may take before its absence is reported.
const unseen = 15 * time.Second

// follower is the state of a wait.
type follower struct {
	Options

	source Source
	begun  time.Time

	mu       sync.Mutex
	tasks    map[string]*Task
	keys     []string // In the order of the results.
	reported bool     // That no operator is in sight.
	lastErr  error    // Of the last list or watch, nil if it succeeded.
}

// Wait waits until tasks have ended: those of keys (NAMESPACE/NAME), or all that the source
// lists at the beginning if there are none. The error is nil if it could follow them, also if
// the time is over.
func Wait(ctx context.Context, source Source, keys []string, options Options) ([]*Task, error) {
	f := &follower{Options: options, source: source, begun: time.Now(), tasks: map[string]*Task{}, keys: keys}
	defer f.Progress.clear()
	list, err := source.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		for i := range list.Items {
			f.keys = append(f.keys, keyOf(&list.Items[i]))
		}
	}
	for _, key := range f.keys {
		f.tasks[key] = &Task{Key: key, since: f.begun}
	}
	f.mu.Lock()
	f.take(slices.Collect(pointers(list.Items)))
	done := f.done()
	f.mu.Unlock()
	if !done && options.Timeout != 0 {
		if err := f.watch(ctx); err != nil {
			return nil, err
		}
	}
	results := make([]*Task, len(f.keys))
	for i, key := range f.keys {
		results[i] = f.tasks[key]
	}
	return results, nil
}

func keyOf(task *v1alpha1.CLBTask) string { return task.Namespace + "/" + task.Name }

func pointers(items []v1alpha1.CLBTask) func(func(*v1alpha1.CLBTask) bool) {
	return func(yield func(*v1alpha1.CLBTask) bool) {
		for i := range items {
			if !yield(&items[i]) {
				return
			}
		}
	}
}

// errGaveUp is the cause of the context's end if nothing more can be learned.
var errGaveUp = errors.New("the tasks cannot be watched")

// watch waits until all tasks have ended, or ctx or the time has.
func (f *follower) watch(ctx context.Context) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	timed, cancel := watchtools.ContextWithOptionalTimeout(ctx, max(f.Timeout, 0))
	defer cancel()
	var ticks sync.WaitGroup
	ticking, stop := context.WithCancel(timed)
	ticks.Go(func() { wait.UntilWithContext(ticking, f.tick, time.Second) })
	defer ticks.Wait()
	defer stop()

	note := func(err error) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lastErr = err
		// The reflector would try again until the time is over.
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) {
			giveUp(fmt.Errorf("%w: %w", errGaveUp, err))
		}
		return err
	}
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := f.source.List(ctx, options)
			return list, note(err)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			events, err := f.source.Watch(ctx, options)
			return events, note(err)
		},
	}
	_, err := watchtools.UntilWithSync(timed, source, new(v1alpha1.CLBTask), f.synced, f.event)
	switch cause := context.Cause(timed); {
	case err == nil:
		return nil
	case errors.Is(cause, context.DeadlineExceeded):
		f.expire()
		return nil
	case errors.Is(cause, errGaveUp):
		return cause
	case cause != nil:
		f.interrupt()
		return nil
	default:
		return err
	}
}

// synced looks at all tasks when the watch has begun: one may have been deleted before.
func (f *follower) synced(store cache.Store) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var tasks []*v1alpha1.CLBTask
	for _, object := range store.List() {
		tasks = append(tasks, object.(*v1alpha1.CLBTask))
	}
	f.take(tasks)
	return f.done(), nil
}

// take takes all tasks that there are.
func (f *follower) take(all []*v1alpha1.CLBTask) {
	there := map[string]*v1alpha1.CLBTask{}
	for _, task := range all {
		there[keyOf(task)] = task
	}
	for _, key := range f.keys {
		f.update(key, there[key])
	}
}

// event is a watchtools.ConditionFunc.
func (f *follower) event(event watch.Event) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	task, ok := event.Object.(*v1alpha1.CLBTask)
	if !ok {
		return false, apierrors.FromObject(event.Object)
	}
	key := keyOf(task)
	if event.Type == watch.Deleted {
		f.update(key, task) // It may have ended just before.
		task = nil
	}
	f.update(key, task)
	return f.done(), nil
}

// update takes the state of a task, nil if it is not there.
func (f *follower) update(key string, object *v1alpha1.CLBTask) {
	task := f.tasks[key]
	switch {
	case task == nil: // Nobody waits for it.
	case older(object, task.Object): // A watch begins with what was there when it began.
	case object == nil:
		if wasEnded := task.Ended; !wasEnded {
			task.lose()
			f.report(task)
		}
	// A task of the same name that was made later is another one.
	case !task.Deleted && task.see(object, &f.Options, time.Now()):
		f.report(task)
	}
}

// older reports whether a state of a task is from before another one.
func older(object, than *v1alpha1.CLBTask) bool {
	if object == nil || than == nil || object.UID != than.UID {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(object.ResourceVersion, than.ResourceVersion)
	return err == nil && order < 0
}

// done reports whether there is nothing more to wait for.
func (f *follower) done() bool {
	done := true
	for _, task := range f.tasks {
		if f.FailFast && task.Ended && task.Code != exit.Succeeded {
			return true
		}
		done = done && task.Ended
	}
	return done
}

// interrupt notes that somebody has ended the waiting.
func (f *follower) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, task := range f.tasks {
		if !task.Ended {
			task.Code = exit.Interrupted
		}
	}
}
