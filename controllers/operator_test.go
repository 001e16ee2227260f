package controllers_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

const region = "ap-guangzhou"

// world is what one spec works with: a namespace of the real API server, and a
// simulator of the CLB API for it alone.
type world struct {
	ctx       context.Context
	namespace string
	sim       realenv.Cloud
	url       string
}

func newWorld(ctx context.Context, conf clbsim.Config) *world {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	sim := realenv.StartCloud(conf)
	DeferCleanup(sim.Close)
	return &world{ctx: context.Background(), namespace: namespace.Name, sim: sim, url: sim.URL}
}

// setup is what specs vary about an operator.
type setup struct {
	slots       int
	timeout     time.Duration
	credentials realenv.KeyPair
	endpoints   []string
	transport   func(http.RoundTripper) http.RoundTripper
}

// run starts an operator for the world's namespace; it ends with the spec, or
// earlier by what is returned.
func (w *world) run(vary ...func(*setup)) (stop func()) {
	GinkgoHelper()
	s := setup{slots: 10, timeout: 2 * time.Second, credentials: realenv.Simulated, endpoints: []string{w.url}}
	for _, v := range vary {
		v(&s)
	}
	api, err := realenv.NewAPI(s.credentials, s.timeout, s.endpoints...)
	Expect(err).NotTo(HaveOccurred())
	end, err := cluster.Run(api, controllers.Options{Slots: s.slots, NotFoundGrace: time.Minute, Namespaces: []string{w.namespace}}, s.transport)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(end)
	return func() {
		GinkgoHelper()
		Expect(end()).To(Succeed())
	}
}

// apply creates a CLBTask for a request ID.
func (w *world) apply(name, requestID string, vary ...func(*v1alpha1.CLBTaskSpec)) *v1alpha1.CLBTask {
	GinkgoHelper()
	task := &v1alpha1.CLBTask{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec:       v1alpha1.CLBTaskSpec{RequestID: requestID, Region: region},
	}
	for _, v := range vary {
		v(&task.Spec)
	}
	Expect(k8s.Create(w.ctx, task)).To(Succeed())
	return task
}

// follow adds a task to the simulator and a CLBTask for it.
func (w *world) follow(name string, task clbsim.Task, vary ...func(*v1alpha1.CLBTaskSpec)) *v1alpha1.CLBTask {
	GinkgoHelper()
	return w.apply(name, w.sim.AddTask(task).ID, vary...)
}

func (w *world) get(task *v1alpha1.CLBTask) (*v1alpha1.CLBTask, error) {
	fresh := new(v1alpha1.CLBTask)
	return fresh, k8s.Get(w.ctx, client.ObjectKeyFromObject(task), fresh)
}

// reach waits until a task shows a row of the matrix.
func (w *world) reach(task *v1alpha1.CLBTask, want string) *v1alpha1.CLBTask {
	GinkgoHelper()
	var fresh *v1alpha1.CLBTask
	Eventually(func() (string, error) {
		var err error
		fresh, err = w.get(task)
		return matrix.Row(fresh.Status), err
	}).WithTimeout(90 * time.Second).WithPolling(20 * time.Millisecond).Should(Equal(want))
	Expect(fresh.Status.ObservedGeneration).To(Equal(fresh.Generation))
	for _, c := range fresh.Status.Conditions {
		Expect(c.ObservedGeneration).To(Equal(fresh.Generation), c.Type)
		Expect(c.LastTransitionTime.Unix()).NotTo(BeZero(), c.Type)
		Expect(c.Message).NotTo(BeEmpty(), c.Type)
	}
	return fresh
}

// refuseStatusWrites makes the API server seem to fail the next n status writes.
func refuseStatusWrites(n int64) func(http.RoundTripper) http.RoundTripper {
	var left atomic.Int64
	left.Store(n)
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPatch && left.Add(-1) >= 0 {
				return nil, errors.New("the API server is away")
			}
			return next.RoundTrip(r)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
