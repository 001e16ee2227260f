// Package conformance checks what an API server does with CLBTasks, as far as an operator can tell: that in
// memory, on which the tests in virtual time rest, and a real one.
package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// Run checks the server of a client, in namespaces that makeNamespace makes.
func Run(t *testing.T, c client.WithWatch, makeNamespace func(t *testing.T, name string)) {
	t.Helper()
	makeNamespace(t, "writes")
	for sentence, w := range writes {
		t.Run(sentence, func(t *testing.T) { w.run(t, c) })
	}
	makeNamespace(t, "lists")
	makeNamespace(t, "lists-2")
	t.Run("lists", func(t *testing.T) { lists(t, c) })
	makeNamespace(t, "pages")
	t.Run("the pages of a list show one version", func(t *testing.T) { pages(t, c) })
	makeNamespace(t, "watches")
	t.Run("a watch follows what comes into a selection and leaves it", func(t *testing.T) { watches(t, c) })
}

func newTask(namespace, name string) *v1alpha1.CLBTask {
	return &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-" + name, Region: "ap-guangzhou"},
	}
}

func create(t *testing.T, c client.Client, namespace string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, c.Create(t.Context(), newTask(namespace, name)))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w write) run(t *testing.T, c client.Client) {
	t.Helper()
	before := newTask("writes", "task")
	must(t, c.Create(t.Context(), before))
	defer func() {
		for _, name := range []string{"task", "other"} {
			must(t, client.IgnoreNotFound(c.Delete(t.Context(), newTask("writes", name))))
		}
	}()
	err := w.write(t.Context(), c, before.DeepCopy())
	if w.fails != nil {
		if !w.fails(err) {
			t.Errorf("error is %v", err)
		}
		return
	}
	must(t, err)
	after := new(v1alpha1.CLBTask)
	must(t, c.Get(t.Context(), client.ObjectKeyFromObject(before), after))
	if w.check != nil && !w.check(before, after) {
		t.Errorf("task is %+v", after)
	}
}

func namesOf(list *v1alpha1.CLBTaskList) (names []string) {
	for _, task := range list.Items {
		names = append(names, task.Name)
	}
	return names
}

func lists(t *testing.T, c client.Client) {
	t.Helper()
	create(t, c, "lists", "a", "b", "c")
	other := newTask("lists-2", "d")
	other.Spec.Region = "ap-beijing"
	must(t, c.Create(t.Context(), other))
	must(t, status(t.Context(), c, newTask("lists", "b"), `{"status":{"phase":"Succeeded"}}`))
	in := func(namespace string, raw metav1.ListOptions) client.ListOptions {
		return client.ListOptions{Namespace: namespace, Raw: &raw}
	}
	for name, test := range map[string]struct {
		options client.ListOptions
		want    string
	}{
		"a namespace":          {in("lists", metav1.ListOptions{}), "a b c"},
		"an empty namespace":   {in("nothing", metav1.ListOptions{}), ""},
		"a limit":              {client.ListOptions{Namespace: "lists", Limit: 2}, "a b"},
		"a region everywhere":  {in("", metav1.ListOptions{FieldSelector: "spec.region==ap-beijing"}), "d"},
		"a phase":              {in("lists", metav1.ListOptions{FieldSelector: "status.phase=Succeeded"}), "b"},
		"not a phase":          {in("lists", metav1.ListOptions{FieldSelector: "status.phase!=Succeeded,status.phase!=Failed"}), "a c"},
		"any version":          {in("lists-2", metav1.ListOptions{ResourceVersion: "0"}), "d"},
		"another field":        {in("lists", metav1.ListOptions{FieldSelector: "spec.suspend=true"}), "BadRequest"},
		"a version that is no": {in("lists", metav1.ListOptions{ResourceVersion: "x"}), "BadRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			list := new(v1alpha1.CLBTaskList)
			got := string(apierrors.ReasonForError(c.List(t.Context(), list, &test.options)))
			if got += strings.Join(namesOf(list), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func pages(t *testing.T, c client.Client) {
	t.Helper()
	create(t, c, "pages", "a", "b", "c", "d")
	first, second := new(v1alpha1.CLBTaskList), new(v1alpha1.CLBTaskList)
	must(t, c.List(t.Context(), first, client.InNamespace("pages"), client.Limit(2)))
	must(t, c.Delete(t.Context(), newTask("pages", "c")))
	create(t, c, "pages", "e")
	must(t, c.List(t.Context(), second, client.InNamespace("pages"), client.Continue(first.Continue)))
	if got := slices.Concat(namesOf(first), namesOf(second)); fmt.Sprint(got) != "[a b c d]" || second.ResourceVersion != first.ResourceVersion {
		t.Errorf("pages hold %v, of versions %s and %s", got, first.ResourceVersion, second.ResourceVersion)
	}
}

func watches(t *testing.T, c client.WithWatch) {
	t.Helper()
	create(t, c, "watches", "old")
	list := new(v1alpha1.CLBTaskList)
	must(t, c.List(t.Context(), list, client.InNamespace("watches")))
	options := &metav1.ListOptions{ResourceVersion: list.ResourceVersion, FieldSelector: "status.phase!=Running", TimeoutSeconds: new(int64(60))}
	watcher, err := c.Watch(t.Context(), list, &client.ListOptions{Namespace: "watches", Raw: options})
	must(t, err)
	defer watcher.Stop()
	task := newTask("watches", "task")
	must(t, c.Create(t.Context(), task))
	for _, text := range []string{`{"status":{"message":"x"}}`, `{"status":{"phase":"Running"}}`, `{"status":{"message":"y"}}`, `{"status":{"phase":"Suspended"}}`} {
		must(t, status(t.Context(), c, task, text))
	}
	must(t, c.Delete(t.Context(), task))
	for _, want := range []string{"ADDED Pending", "MODIFIED Pending", "DELETED Pending", "ADDED Suspended", "DELETED Suspended"} {
		var event watch.Event
		select {
		case event = <-watcher.ResultChan():
		case <-time.After(time.Minute):
		}
		seen, ok := event.Object.(*v1alpha1.CLBTask)
		if !ok || fmt.Sprint(event.Type, " ", seen.Status.Phase) != want {
			t.Fatalf("got %+v, want %s", event, want)
		}
	}
}
