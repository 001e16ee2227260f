package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// lives are CLBTasks of a namespace, and what a watch sees of them.
type lives struct {
	*testing.T
	client    client.WithWatch
	namespace string
	sky       realenv.Cloud

	mu     sync.Mutex
	states map[string][]string // What each has read, by name.
	writes int                 // All changes of them.
	ended  map[string]time.Time
}

// gone is the state of a CLBTask that was deleted.
const gone = "gone"

// lifeOf says how a CLBTask lives.
type lifeOf struct {
	name    string
	request clbsim.Task // Its ID is the name.
	spec    v1alpha1.CLBTaskSpec
	want    []string // Its last state is one of them.
}

// everyEnd are lives with all ends that come within seconds.
func everyEnd() []lifeOf {
	const succeeded, failed, late = "Succeeded/TaskSucceeded", "Failed/TaskFailed", "Failed/DeadlineExceeded"
	return []lifeOf{
		{name: "succeeds", want: []string{succeeded}},
		{name: "succeeds-later", request: clbsim.Task{Duration: 3 * time.Second}, want: []string{succeeded}},
		{name: "fails", request: clbsim.Task{Result: clbsim.Failed}, want: []string{failed}},
		{name: "fails-later", request: clbsim.Task{Result: clbsim.Failed, Duration: 2 * time.Second}, want: []string{failed}},
		{name: "too-late", request: clbsim.Task{Result: clbsim.Stuck}, spec: v1alpha1.CLBTaskSpec{ActiveDeadlineSeconds: 2}, want: []string{late}},
		{name: "waits", spec: v1alpha1.CLBTaskSpec{Suspend: true}, want: []string{"Suspended/Suspended"}},
		{name: "goes-on", request: clbsim.Task{Result: clbsim.Stuck}, want: []string{"Running/InProgress"}},
		{name: "leaves", spec: v1alpha1.CLBTaskSpec{TTLSecondsAfterFinished: new(int64(0))}, want: []string{gone, succeeded}}, // Its timer may be lost: a sweep within minutes sets it again.
	}
}

// newLives makes a namespace without CLBTasks and watches it until the test ends.
func newLives(t *testing.T, kube client.WithWatch, namespace string, sky realenv.Cloud) *lives {
	t.Helper()
	l := &lives{T: t, client: kube, namespace: namespace, sky: sky, states: map[string][]string{}, ended: map[string]time.Time{}}
	NewWithT(t).Expect(kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	return l
}

// begin creates CLBTasks and their requests.
func (l *lives) begin(all ...lifeOf) {
	l.Helper()
	for _, life := range all {
		life.request.ID, life.spec.RequestID, life.spec.Region = life.name, life.name, "ap-guangzhou"
		l.sky.AddTask(life.request)
		task := &v1alpha1.CLBTask{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: life.name}, Spec: life.spec}
		if err := l.client.Create(l.Context(), task); err != nil {
			l.Fatal(err)
		}
	}
}

// watch notes what the CLBTasks read until the test ends.
func (l *lives) watch() {
	l.Helper()
	changes, err := l.client.Watch(l.Context(), new(v1alpha1.CLBTaskList), client.InNamespace(l.namespace))
	if err != nil {
		l.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for change := range changes.ResultChan() {
			if task, ok := change.Object.(*v1alpha1.CLBTask); ok {
				l.note(change.Type, task)
			}
		}
	}()
	l.Cleanup(func() {
		changes.Stop()
		<-done
	})
}

// look notes what the CLBTasks read now, for when no watch would last, and returns what open does.
func (l *lives) look(all []lifeOf) func() ([]string, error) {
	return func() ([]string, error) {
		list := new(v1alpha1.CLBTaskList)
		if err := l.client.List(l.Context(), list, client.InNamespace(l.namespace)); err != nil {
			return nil, err
		}
		there := map[string]bool{}
		for i := range list.Items {
			l.note("", &list.Items[i])
			there[list.Items[i].Name] = true
		}
		for _, life := range all {
			if !there[life.name] {
				l.note(watch.Deleted, l.task(life.name))
			}
		}
		return l.open(all), nil
	}
}

func (l *lives) note(change watch.EventType, task *v1alpha1.CLBTask) {
	state := gone
	if change != watch.Deleted {
		state = string(task.Status.Phase) + "/"
		if ready := meta.FindStatusCondition(task.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			state += ready.Reason
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if states := l.states[task.Name]; change == watch.Added || change == watch.Modified || len(states) == 0 || states[len(states)-1] != state {
		l.states[task.Name] = append(states, state)
	}
	if change == watch.Modified {
		l.writes++
	}
	if _, ok := l.ended[task.Name]; !ok && task.Status.Phase.Final() {
		l.ended[task.Name] = time.Now()
	}
}

// open returns what has not ended as it should.
func (l *lives) open(all []lifeOf) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for _, life := range all {
		if read := l.states[life.name]; len(read) == 0 || !slices.Contains(life.want, read[len(read)-1]) {
			found = append(found, fmt.Sprint(life.name, read))
		}
	}
	return found
}

// changes returns how often a status was changed.
func (l *lives) changes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes
}

// awaitPolls waits for two more polls of a CLBTask.
func (l *lives) awaitPolls(name string, explain ...any) {
	l.Helper()
	polls := len(l.sky.CallsFor(name))
	soon(NewWithT(l.T), func() int { return len(l.sky.CallsFor(name)) }).Should(BeNumerically(">", polls+1), explain...)
}

// unpolled checks that no end was followed by a poll, once the operator may know of it by its own watch.
func (l *lives) unpolled() {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, end := range l.ended {
		for _, call := range l.sky.CallsFor(name) {
			if call.At.After(end.Add(time.Second)) {
				l.Errorf("%s is polled %v after its end", name, call.At.Sub(end))
			}
		}
	}
}

// once checks that no state came twice.
func (l *lives) once() {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, states := range l.states {
		if len(slices.Compact(slices.Sorted(slices.Values(states)))) < len(states) {
			l.Errorf("%s reads the same twice: %v", name, states)
		}
	}
}

// check checks that no state came twice, and that no event was repeated.
func (l *lives) check() {
	l.Helper()
	l.once()
	emitted := new(eventsv1.EventList)
	if err := l.client.List(context.WithoutCancel(l.Context()), emitted, client.InNamespace(l.namespace)); err != nil {
		l.Fatal(err)
	}
	announced := map[[2]string]bool{}
	for _, event := range emitted.Items {
		if event.Regarding.Kind != "CLBTask" {
			continue
		}
		of := [2]string{event.Regarding.Name, event.Reason}
		if announced[of] || event.Series != nil {
			l.Errorf("%s has the event %s twice", event.Regarding.Name, event.Reason)
		}
		announced[of] = true
	}
}
