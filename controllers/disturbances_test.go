package controllers_test

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv"
)

// disturbances are what goes wrong in the simulation.
var disturbances = []func(*simulation){
	(*simulation).disturbCloud, (*simulation).disturbCloud, (*simulation).disturbCloud,
	(*simulation).disturbServer, (*simulation).disturbServer,
	(*simulation).replaceKey,
	func(s *simulation) { s.cluster.EndWatches() },
	func(s *simulation) { s.cluster.Expire(nil) },
	func(s *simulation) { s.cluster.Expire(s.replaceObjects) }, // Nobody sees how.
	func(s *simulation) { // Events are lost.
		s.cluster.DropEvents(rand.New(rand.NewPCG(s.random.Uint64(), 2)), s.random.Float64()/2)
		s.later(func() { s.cluster.DropEvents(nil, 0) })
	},
	func(s *simulation) { // A restart.
		s.end()
		s.wait(s.lasting(5 * time.Second))
		s.begin()
	},
	func(s *simulation) { // A leader that does not know yet that it is none any more.
		s.begin()
		if s.wait(s.lasting(5 * time.Second)); len(s.stops) > 1 {
			s.end()
		}
	},
	func(s *simulation) { // The key lacks a permission, or is gone.
		s.secrets.forbid(true)
		s.later(func() { s.secrets.forbid(false) })
	},
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
		{Kind: clbsim.HTTPResponse, StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"3"}}},
		{Kind: clbsim.ErrorCode, Code: "InternalError"},
		{Kind: clbsim.ErrorCode, Code: "FailedOperation"},
		{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.UnauthorizedOperation"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.SignatureExpire"},
		{Kind: clbsim.ErrorCode, Code: "AuthFailure.SecretIdNotFound"},
		{Kind: clbsim.ErrorCode, Code: "ResourceUnavailable"},
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
		if task := s.any(); task != nil && !task.Status.Phase.Final() {
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"phase":"`+pick(s.random, []string{"Pending", "Running", "Suspended"})+`"}}`))
			if err := client.IgnoreNotFound(s.client.Status().Patch(s.Context(), task, patch)); err != nil {
				s.Error(err)
			}
		}
	},
}

// any returns an object, or nil if there is none.
func (s *simulation) any() *v1alpha1.CLBTask {
	tasks := s.all()
	if len(tasks) == 0 {
		return nil
	}
	return &tasks[s.random.IntN(len(tasks))]
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
	delete(s.present, task.UID)
	if err := client.IgnoreNotFound(s.client.Delete(s.Context(), task)); err != nil { // Its TTL may be over.
		s.Error(err)
	}
}

// replaceObjects deletes an object and creates one of its name for another request.
func (s *simulation) replaceObjects() {
	task := s.any()
	if task == nil {
		return
	}
	s.remove(task)
	s.apply("request-0", named(task.Name), in(task.Namespace))
}
