package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// bubble is the whole operator in virtual time: the real manager, cache, client and
// controller, an API server in memory and a cloud in memory.
type bubble struct {
	*testing.T
	cluster *testenv.Cluster
	client  client.Client
	cloud   *cloud
}

// inBubble runs a test in a bubble. No operator runs yet.
func inBubble(t *testing.T, test func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster := testenv.New(t)
		test(&bubble{T: t, cluster: cluster, client: cluster.Client(), cloud: newCloud()})
	})
}

// operate starts an operator of the cloud in memory; the returned function stops it.
func (b *bubble) operate(vary ...func(*controllers.Options)) (stop func()) {
	b.Helper()
	return b.operateWith(b.cloud, keyOf, b.cluster.ManagerOptions(b.T), vary...)
}

// operateWith starts an operator of another API.
func (b *bubble) operateWith(api controllers.API, sources controllers.CredentialSources, settings manager.Options, vary ...func(*controllers.Options)) (stop func()) {
	b.Helper()
	return testenv.Start(b.T, b.manager(b.cluster.Config(), api, sources, settings, vary...))
}

// manager returns an operator that has not been started.
func (b *bubble) manager(config *rest.Config, api controllers.API, sources controllers.CredentialSources, settings manager.Options, vary ...func(*controllers.Options)) manager.Manager {
	b.Helper()
	options := controllers.Options{Slots: 20, NotFoundGrace: 2 * time.Minute}
	for _, v := range vary {
		v(&options)
	}
	settings.Cache = options.CacheOptions()
	mgr, err := manager.New(config, settings)
	if err != nil {
		b.Fatal(err)
	}
	if err := controllers.SetupCLBTaskController(mgr, api, sources, options); err != nil {
		b.Fatal(err)
	}
	return mgr
}

// apply creates a CLBTask that is named after its request.
func (b *bubble) apply(id string, vary ...func(*v1alpha1.CLBTask)) {
	b.Helper()
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: id},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: id, Region: region},
	}
	for _, v := range vary {
		v(task)
	}
	if err := b.client.Create(b.Context(), task); err != nil {
		b.Fatal(err)
	}
}

// goOn creates n tasks, task-0 and on, that never end.
func (b *bubble) goOn(n int) {
	b.Helper()
	for i := range n {
		id := fmt.Sprint("task-", i)
		b.cloud.add(id, -1)
		b.apply(id)
	}
}

func in(namespace string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Namespace = namespace }
}

func inRegion(region string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.Region = region }
}

func named(name string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Name = name }
}

func withDeadline(seconds int64) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.ActiveDeadlineSeconds = seconds }
}

func suspend(yes bool) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.Suspend = yes }
}

// change edits an object.
func (b *bubble) change(name string, edit func(*v1alpha1.CLBTask)) {
	b.Helper()
	task := b.get(name)
	edit(task)
	if err := b.client.Update(b.Context(), task); err != nil {
		b.Fatal(err)
	}
}

func (b *bubble) get(name string) *v1alpha1.CLBTask {
	b.Helper()
	task := new(v1alpha1.CLBTask)
	if err := b.client.Get(b.Context(), types.NamespacedName{Namespace: "default", Name: name}, task); err != nil {
		b.Fatal(err)
	}
	return task
}

func (b *bubble) delete(name string) {
	b.Helper()
	if err := b.client.Delete(b.Context(), b.get(name)); err != nil {
		b.Fatal(err)
	}
}

// all returns every CLBTask.
func (b *bubble) all() []v1alpha1.CLBTask {
	b.Helper()
	list := new(v1alpha1.CLBTaskList)
	if err := b.client.List(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	return list.Items
}

// wait lets virtual time pass, and what is to happen by then.
func (b *bubble) wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// reads checks the row of the state matrix that an object shows.
func (b *bubble) reads(name, want string) {
	b.Helper()
	if got := matrix.Row(b.get(name).Status); got != want {
		b.Errorf("%s reads\n%s\nwant\n%s", name, got, want)
	}
}

// says checks that every condition of an object contains a text.
func (b *bubble) says(name, want string) {
	b.Helper()
	for _, c := range b.get(name).Status.Conditions {
		if c.Type != v1alpha1.ConditionRunning && !strings.Contains(c.Message, want) {
			b.Errorf("%s of %s says %q, want %q in it", c.Type, name, c.Message, want)
		}
	}
}

// skipStatistics skips a test of many polls beside the race detector, which makes it slow and finds
// nothing in it that others do not show.
func skipStatistics(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it counts many polls: see the Makefile")
	}
}
