package controllers_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// disturbances are what goes wrong in the simulation.
var disturbances = []func(*simulation){
	(*simulation).disturbCloud, (*simulation).disturbCloud, (*simulation).disturbCloud,
	(*simulation).disturbServer, (*simulation).disturbServer, (*simulation).disturbServer,
	(*simulation).disturbReplica, (*simulation).disturbReplica, (*simulation).disturbReplica,
	(*simulation).replaceKey,
	(*simulation).rival,
	func(s *simulation) { s.cluster.EndWatches() },
	func(s *simulation) { s.cluster.Expire(nil) },
	func(s *simulation) { s.cluster.Expire(s.replaceObjects) }, // Nobody sees how.
	func(s *simulation) { // Events are lost.
		s.cluster.DropEvents(rand.New(rand.NewPCG(s.random.Uint64(), 2)), s.random.Float64()/2)
		s.later(func() { s.cluster.DropEvents(nil, 0) })
	},
	func(s *simulation) { // Events are late, and lists that fill a cache are old.
		s.cluster.SetLag(s.lasting(5 * time.Second))
		s.later(func() { s.cluster.SetLag(0) })
	},
	func(s *simulation) { // The API server is slow.
		s.cluster.SetLatency(s.lasting(time.Second))
		s.later(func() { s.cluster.SetLatency(0) })
	},
	func(s *simulation) { // The API server's clock is stepped.
		s.cluster.SetClockSkew(time.Duration(s.random.IntN(8)-4) * time.Minute)
	},
	func(s *simulation) { // A permission to read the key is withdrawn, and granted again.
		s.secrets.forbid(true)
		s.later(func() { s.secrets.forbid(false) })
	},
}

// disturbReplica lets a replica crash, end or lose its network, or two of them run as if both were leaders.
func (s *simulation) disturbReplica() {
	switch kind := s.random.IntN(4); {
	case kind == 0:
		s.crash(s.anyReplica())
	case kind == 1:
		s.end(s.anyReplica())
	case kind == 2 && s.elects:
		link := s.replicas[s.anyReplica()].link
		held := time.Now()
		link.Hold()
		s.later(func() {
			link.Release()
			s.together(held)
		})
		return
	case kind == 2:
		return
	case !s.elects: // A leader that does not know yet that it is none any more.
		begun := time.Now()
		s.begin()
		s.wait(s.lasting(5 * time.Second))
		s.end(0)
		s.together(begun)
		return
	}
	s.wait(s.lasting(5 * time.Second))
	s.begin()
}

// together notes that several replicas may have polled since a time. The calls of one that is held arrive late.
func (s *simulation) together(since time.Time) {
	s.seen.Lock()
	defer s.seen.Unlock()
	s.several = append(s.several, period{since, time.Now().Add(5 * time.Second)})
}

const rival = "rival"

// rival uses the quota of the account, too.
func (s *simulation) rival() {
	endpoints := s.endpoints
	endpoints.Dial = s.network.DialOver(testenv.NewLink(rival))
	hosts, err := clb.NewEndpoints(endpoints)
	if err != nil {
		s.Fatal(err)
	}
	key := s.add("AKIDrival")
	api, err := clb.NewAPI(hosts, realenv.KeyPair{ID: key[credentials.KeySecretID], Key: key[credentials.KeySecretKey]}, time.Second)
	if err != nil {
		s.Fatal(err)
	}
	s.faults++
	calls, every := s.random.IntN(300), time.Second/time.Duration(1+s.random.IntN(30))
	go func() {
		for range calls {
			go func() { _, _ = api.DescribeTaskStatus(s.Context(), clb.TaskQuery{Region: region, TaskID: rival}) }()
			<-time.After(every)
		}
		s.ended.Add(1)
	}()
}

// later ends a fault after a random time.
func (s *simulation) later(end func()) {
	s.faults++
	lasts := s.lasting(20 * time.Second)
	if s.random.IntN(10) == 0 {
		lasts *= 10
	}
	time.AfterFunc(lasts, func() { end(); s.ended.Add(1) })
}

// disturbCloud adds a fault of the API beside those that it has. They end together.
func (s *simulation) disturbCloud() {
	faults := []clbsim.Fault{
		{Kind: clbsim.Hang},
		{Kind: clbsim.Reset},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusBadGateway},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: "<html>"},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: `{"Response": {"Status": 0}}`},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: `{"Response": {"Status": 3, "RequestId": "call"}}`},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusOK, Body: `{"Response": {"Status": 2, "RequestId": "call", "LoadBalancerIds": ["lb-2"], "Message": "So far."}}`},
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}}},
		{Kind: clbsim.ErrorCode, Code: "InternalError"},
		{Kind: clbsim.ErrorCode, Code: "FailedOperation"},
		{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.UnauthorizedOperation"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.SignatureExpire"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.SecretIdNotFound"},
		{Kind: clbsim.ErrorCode, Code: "ResourceUnavailable"},
		{Kind: clbsim.ErrorCode, Code: unknownTask},
	}
	fault := pick(s.random, faults)
	fault.Share = 1 - s.random.Float64()
	if s.random.IntN(3) == 0 {
		fault.Region = region
	}
	s.sim.AddFault(fault)
	s.later(s.sim.ClearFaults)
}

// disturbServer lets a part of the operator's requests to the API server fail.
func (s *simulation) disturbServer() {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "clbtasks"}
	fault := pick(s.random, []error{
		apierrors.NewInternalError(errors.New("no")),
		apierrors.NewConflict(resource, "task", errors.New("it has changed")),
		apierrors.NewTooManyRequests("wait", 1),
		apierrors.NewForbidden(resource, "task", errors.New("no role allows it")),
		errors.New("connection reset"),
		testenv.Lost(errors.New("connection reset")),
	})
	random, share := rand.New(rand.NewPCG(s.random.Uint64(), 3)), s.random.Float64()
	writes := s.random.IntN(2) == 0
	s.cluster.SetFault(func(r *http.Request) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if writes && r.Method != http.MethodPatch || random.Float64() > share {
			return nil
		}
		return fault
	})
	s.later(func() { s.cluster.SetFault(nil) })
}

// edits are what users and other programs do meanwhile, each to a random object.
var edits = []func(*simulation){
	(*simulation).replaceObjects,
	func(s *simulation) {
		if task := s.any(); task != nil {
			s.remove(task)
		}
	},
	func(s *simulation) { s.edit(func(t *v1alpha1.CLBTask) { t.Spec.Suspend = !t.Spec.Suspend }) },
	func(s *simulation) {
		s.edit(func(t *v1alpha1.CLBTask) { t.Labels = map[string]string{"by": "somebody"} })
	},
	func(s *simulation) {
		s.edit(func(t *v1alpha1.CLBTask) { t.Spec.ActiveDeadlineSeconds = 1 + s.random.Int64N(600) })
	},
	func(s *simulation) { // Polls are forced.
		for range 1 + s.random.IntN(3) {
			token := strconv.Itoa(s.random.IntN(1000))
			s.edit(func(t *v1alpha1.CLBTask) {
				t.Annotations = map[string]string{v1alpha1.AnnotationReconcileRequestedAt: token}
			})
		}
	},
	func(s *simulation) {
		s.edit(func(t *v1alpha1.CLBTask) { t.Spec.TTLSecondsAfterFinished = new(s.random.Int64N(60)) })
	},
	func(s *simulation) { // A foreign write of the status.
		task := s.any()
		if task == nil || task.Status.Phase.Final() {
			return
		}
		s.writeStatus(task, pick(s.random, []string{
			`{"phase":"Pending"}`, `{"phase":"Running"}`, `{"phase":"Suspended"}`, `null`, `{"observedGeneration":1000}`, `{"message":"x","apiRequestId":"y"}`,
			`{"completionTime":"2000-01-01T00:00:00Z"}`, `{"loadBalancerIds":["lb-2"]}`,
			`{"conditions":[{"type":"Own","status":"True","reason":"Own","message":"","lastTransitionTime":"2000-01-01T00:00:00Z"}]}`,
		}))
	},
}

// any returns an object, or nil if there is none.
func (s *simulation) any() *v1alpha1.CLBTask {
	s.seen.Lock()
	defer s.seen.Unlock()
	if len(s.uids) == 0 {
		return nil
	}
	return s.life[pick(s.random, s.uids)].last.DeepCopy()
}

func (s *simulation) edit(how func(*v1alpha1.CLBTask)) {
	task := s.any()
	if task == nil {
		return
	}
	how(task)
	// It may have been written meanwhile, or its deadline may not be changed any more.
	if err := client.IgnoreNotFound(s.client.Update(s.Context(), task)); err != nil && !apierrors.IsConflict(err) && !apierrors.IsInvalid(err) {
		s.Error(err)
	}
}

func (s *simulation) remove(task *v1alpha1.CLBTask) {
	s.seen.Lock()
	s.life[task.UID].removed = true
	s.seen.Unlock()
	if err := client.IgnoreNotFound(s.client.Delete(s.Context(), task, client.Preconditions{UID: &task.UID})); err != nil { // Its TTL may be over.
		s.Error(err)
	}
}

// replaceObjects replaces an object, for the same request or another one.
func (s *simulation) replaceObjects() {
	if task := s.any(); task != nil {
		s.replace(task, pick(s.random, []v1alpha1.CLBTaskSpec{task.Spec, {RequestID: "request-0", Region: region}}))
	}
}

// replace deletes an object and creates one of its name.
func (s *simulation) replace(task *v1alpha1.CLBTask, spec v1alpha1.CLBTaskSpec) {
	s.remove(task)
	s.apply(task.Name, in(task.Namespace), func(t *v1alpha1.CLBTask) { t.Spec = spec })
}

// writeStatus is a foreign write of a status, onto the object as it was read.
func (s *simulation) writeStatus(task *v1alpha1.CLBTask, status string) {
	s.seen.Lock()
	s.life[task.UID].foreign = true
	s.seen.Unlock()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"`+task.ResourceVersion+`"},"status":`+status+`}`))
	if err := client.IgnoreNotFound(s.client.Status().Patch(s.Context(), task, patch)); err != nil && !apierrors.IsConflict(err) {
		s.Error(err)
	}
}
