package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

const (
	region    = "ap-guangzhou"
	secretID  = "simulated-id"
	secretKey = "simulated-key"
)

// world is what one spec works with: a namespace of the real API server, and a
// simulator of the CLB API for it alone.
type world struct {
	ctx       context.Context
	namespace string
	sim       *clbsim.Simulator
	url       string
}

func newWorld(ctx context.Context, conf clbsim.Config) *world {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(k8s.Create(ctx, namespace)).To(Succeed())
	conf.Credentials = append(conf.Credentials, clbsim.Credential{SecretID: secretID, SecretKey: secretKey})
	sim := clbsim.New(conf)
	server := httptest.NewServer(sim)
	DeferCleanup(server.Close)
	return &world{ctx: context.Background(), namespace: namespace.Name, sim: sim, url: server.URL}
}

// operator is one run of the operator, in this process.
type operator struct {
	cancel context.CancelFunc
	ended  chan error
}

// setup is what specs vary about an operator.
type setup struct {
	slots       int
	timeout     time.Duration
	credentials pair
	endpoints   []string
	transport   func(http.RoundTripper) http.RoundTripper
}

// pair is a CredentialSource that always yields the same.
type pair struct{ id, key string }

func (p pair) Credential(context.Context) (clb.Credential, error) {
	return clb.NewCredential(p.id, p.key, ""), nil
}

func (p pair) Account() string { return p.id }

// run starts an operator for the world's namespace; it ends with the spec, or
// earlier by stop.
func (w *world) run(vary ...func(*setup)) *operator {
	GinkgoHelper()
	s := setup{slots: 10, timeout: 2 * time.Second, credentials: pair{secretID, secretKey}, endpoints: []string{w.url}}
	for _, v := range vary {
		v(&s)
	}
	endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: s.endpoints})
	Expect(err).NotTo(HaveOccurred())
	api, err := clb.NewAPI(endpoints, s.credentials, s.timeout)
	Expect(err).NotTo(HaveOccurred())
	options := controllers.Options{Slots: s.slots, NotFoundGrace: time.Minute, Namespaces: []string{w.namespace}}
	cfg := rest.CopyConfig(cluster)
	if s.transport != nil {
		cfg.Wrap(s.transport)
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:     k8sScheme,
		Cache:      options.CacheOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(controllers.SetupCLBTaskController(mgr, api, options)).To(Succeed())
	ctx, cancel := context.WithCancel(w.ctx)
	o := &operator{cancel: cancel, ended: make(chan error, 1)}
	go func() { o.ended <- mgr.Start(ctx) }()
	DeferCleanup(o.stop)
	return o
}

func (o *operator) stop() {
	GinkgoHelper()
	if o.ended == nil {
		return
	}
	o.cancel()
	Eventually(o.ended).WithTimeout(20 * time.Second).Should(Receive(BeNil()))
	o.ended = nil
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

// row renders a status as a row of the state matrix: the phase, then each
// condition as type=status/reason in list order.
func row(status v1alpha1.CLBTaskStatus) string {
	cells := []string{string(status.Phase)}
	for _, c := range status.Conditions {
		cells = append(cells, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	if status.CompletionTime != nil {
		cells = append(cells, "done")
	}
	return strings.Join(cells, " ")
}

// reach waits until a task shows a row of the matrix.
func (w *world) reach(task *v1alpha1.CLBTask, want string) *v1alpha1.CLBTask {
	GinkgoHelper()
	var fresh *v1alpha1.CLBTask
	Eventually(func() (string, error) {
		var err error
		fresh, err = w.get(task)
		return row(fresh.Status), err
	}).WithTimeout(90 * time.Second).WithPolling(20 * time.Millisecond).Should(Equal(want))
	Expect(fresh.Status.ObservedGeneration).To(Equal(fresh.Generation))
	for _, c := range fresh.Status.Conditions {
		Expect(c.ObservedGeneration).To(Equal(fresh.Generation), c.Type)
		Expect(c.LastTransitionTime.Unix()).NotTo(BeZero(), c.Type)
		Expect(c.Message).NotTo(BeEmpty(), c.Type)
	}
	return fresh
}

// The rows of the state matrix.
const (
	rowFresh     = "Pending Ready=False/Pending Succeeded=Unknown/Pending"
	rowRunning   = "Running Ready=False/InProgress Succeeded=Unknown/InProgress Running=True/InProgress Reconciling=True/InProgress"
	rowSucceeded = "Succeeded Ready=True/TaskSucceeded Succeeded=True/TaskSucceeded done"
	rowFailed    = "Failed Ready=False/TaskFailed Succeeded=False/TaskFailed Failed=True/TaskFailed Stalled=True/TaskFailed done"
	rowSuspended = "Suspended Ready=False/Suspended Succeeded=Unknown/Suspended"
	rowResumed   = rowFresh // But observed.
	rowExpired   = "Failed Ready=False/DeadlineExceeded Succeeded=False/DeadlineExceeded Failed=True/DeadlineExceeded Stalled=True/DeadlineExceeded done"
)

func rowUnknown(reason string) string {
	return fmt.Sprintf("Unknown Ready=False/%[1]s Succeeded=Unknown/%[1]s Stalled=True/%[1]s done", reason)
}

// rowTrouble is a lasting problem of a task that was never answered.
func rowTrouble(reason string) string {
	return fmt.Sprintf("Pending Ready=False/%[1]s Succeeded=Unknown/%[1]s Reconciling=True/%[1]s", reason)
}

// rowTroubleRunning is a lasting problem of a task that was last in progress.
func rowTroubleRunning(reason string) string {
	return fmt.Sprintf("Running Ready=False/%[1]s Succeeded=Unknown/%[1]s Running=True/InProgress Reconciling=True/%[1]s", reason)
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
