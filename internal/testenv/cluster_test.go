package testenv_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	eventsclient "k8s.io/client-go/kubernetes/typed/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

func TestNewTaskHasTheDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pass(1500 * time.Millisecond)
		cluster := testenv.New(t)
		task := newTask("task")
		task.Status.Phase = v1alpha1.PhaseSucceeded
		must(t, cluster.Client().Create(t.Context(), task))
		switch {
		case task.Status.Phase != v1alpha1.PhasePending, len(task.Status.Conditions) == 0, task.Status.ObservedGeneration != -1:
			t.Errorf("status is %+v", task.Status)
		case task.UID == "", task.ResourceVersion == "", task.Generation != 1:
			t.Errorf("metadata is %+v", task.ObjectMeta)
		case !task.CreationTimestamp.Time.Equal(time.Now().Truncate(time.Second)):
			t.Errorf("created at %s, now %s", task.CreationTimestamp, time.Now())
		}
	})
}

func TestListsOfOtherVersions(t *testing.T) {
	cluster := testenv.New(t)
	c := cluster.Client()
	create(t, cluster, "a")
	create(t, cluster, "b")
	first, second := new(v1alpha1.CLBTaskList), new(v1alpha1.CLBTaskList)
	if err := c.List(t.Context(), first, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "99"}}); !apierrors.IsTimeout(err) {
		t.Errorf("of the future: %v", err)
	}
	must(t, c.List(t.Context(), first, client.Limit(1)))
	cluster.Expire(nil)
	if err := c.List(t.Context(), second, client.Continue(first.Continue)); !apierrors.IsResourceExpired(err) {
		t.Errorf("after the history is gone: %v", err)
	}
}

// With a lag, watches and the lists that fill a cache are behind, other lists are not.
func TestLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		c := cluster.Client()
		cluster.SetLag(10 * time.Second)
		create(t, cluster, "old")
		pass(time.Minute)
		create(t, cluster, "young")
		for version, want := range map[string]int{"": 2, "0": 1} {
			list := new(v1alpha1.CLBTaskList)
			must(t, c.List(t.Context(), list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: version}}))
			if len(list.Items) != want {
				t.Errorf("a list of version %q has %d items, want %d", version, len(list.Items), want)
			}
		}
		watcher, err := c.Watch(t.Context(), new(v1alpha1.CLBTaskList), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
		must(t, err)
		defer watcher.Stop()
		begun := time.Now()
		for _, want := range []time.Duration{0, 10 * time.Second} {
			<-watcher.ResultChan()
			if time.Since(begun) != want {
				t.Errorf("an event came after %v, want %v", time.Since(begun), want)
			}
		}
	})
}

func TestExpiredWatchGetsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		c := cluster.Client()
		task := create(t, cluster, "task")
		cluster.Expire(nil)
		watcher, err := c.Watch(t.Context(), new(v1alpha1.CLBTaskList), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: task.ResourceVersion}})
		must(t, err)
		event := <-watcher.ResultChan()
		if event.Type != watch.Error || !apierrors.IsResourceExpired(apierrors.FromObject(event.Object)) {
			t.Errorf("got %v", event)
		}
		if _, open := <-watcher.ResultChan(); open {
			t.Error("the watch goes on")
		}
	})
}

func TestEvents(t *testing.T) {
	cluster := testenv.New(t)
	task := create(t, cluster, "task")
	all, err := eventsclient.NewForConfig(cluster.Config())
	must(t, err)
	events := all.Events(task.Namespace)
	made := func(name, note string) *eventsv1.Event {
		return &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: task.Namespace, Name: name}, EventTime: metav1.NowMicro(),
			Type: corev1.EventTypeNormal, Reason: "Done", Action: "Test", Note: note, ReportingController: "test", ReportingInstance: "test-0",
			Regarding: corev1.ObjectReference{Kind: "CLBTask", Namespace: task.Namespace, Name: task.Name, UID: task.UID},
		}
	}
	_, err = events.Create(t.Context(), made("one", strings.Repeat("x", 1024)), metav1.CreateOptions{})
	must(t, err)
	if _, err := events.Create(t.Context(), made("one", ""), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("the second of a name: %v", err)
	}
	if _, err := events.Create(t.Context(), made("two", strings.Repeat("界", 342)), metav1.CreateOptions{}); !apierrors.IsInvalid(err) {
		t.Errorf("a note of 1026 bytes: %v", err)
	}
	series := []byte(`{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`)
	_, err = events.Patch(t.Context(), "one", types.StrategicMergePatchType, series, metav1.PatchOptions{})
	must(t, err)
	if _, err := events.Patch(t.Context(), "three", types.StrategicMergePatchType, series, metav1.PatchOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a patch of none: %v", err)
	}
	if got := cluster.Events(client.ObjectKeyFromObject(task)); len(got) != 1 || got[0].Series.Count != 2 || got[0].Reason != "Done" {
		t.Errorf("events are %+v", got)
	}
}

func TestFaultsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		task := create(t, cluster, "task")
		c, err := client.New(cluster.Config(), client.Options{Scheme: cluster.Scheme(), Mapper: cluster.Mapper()})
		must(t, err)
		cluster.SetLatency(2 * time.Second)
		faults := []error{nil, apierrors.NewInternalError(errByTest), errByTest, testenv.Lost(errByTest)}
		cluster.SetFault(func(request *http.Request) error {
			if !testenv.IsStatusWrite(request) {
				return nil
			}
			fault := faults[0]
			faults = faults[1:]
			return fault
		})
		began := time.Now()
		must(t, c.Get(t.Context(), client.ObjectKeyFromObject(task), task))
		for i, phase := range []string{"Running", "Suspended", "Pending", "Unknown"} {
			err := c.Status().Patch(t.Context(), task, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"phase":%q}}`, phase)))
			if (i == 0) != (err == nil) || apierrors.IsInternalError(err) != (i == 1) {
				t.Errorf("patch %d: %v", i, err)
			}
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("five requests took %s", took)
		}
		if got := phase(t, cluster, task); got != v1alpha1.PhaseUnknown {
			t.Errorf("the task is %s", got)
		}
		if got := cluster.StatusWrites(task.UID); got != 2 {
			t.Errorf("counted %d status writes", got)
		}
		var got []string
		for _, request := range cluster.Requests() {
			got = append(got, fmt.Sprint(request.Verb, " ", request.Code))
		}
		if want := "[get 200 patch 200 patch 500 patch 0 patch 0]"; fmt.Sprint(got) != want {
			t.Errorf("requests are %v, want %s", got, want)
		}
	})
}
