package gitops_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// class is what a state means for a waiter for success.
type class int

const (
	open  class = iota // There is no verdict, and the operator goes on or will.
	good               // The request succeeded.
	ended              // It failed, or nobody can tell; it is polled no more.
)

// state is a column of the table, and how the operator is made to hold a CLBTask
// there for as long as it is watched.
type state struct {
	name  string
	row   string // Of the state matrix, as the operator must have written it.
	class class

	spec        map[string]any       // Beside requestId and region.
	cloud       *clbsim.Task         // The request in the cloud, nil if the cloud does not know it.
	credentials clb.CredentialSource // The operator's, nil if there is no operator.
	trouble     *clbsim.Fault        // From when the task has been Running.
	held        *unstructured.Unstructured
}

func stuck() *clbsim.Task { return &clbsim.Task{Result: clbsim.Stuck} }

// states are in the order of the table's columns.
var states = []*state{
	{
		name: "fresh", class: open, cloud: stuck(),
		row: matrix.Pending,
	},
	{
		name: "running", class: open, cloud: stuck(), credentials: realenv.Simulated,
		row: matrix.Running,
	},
	{
		name: "throttled", class: open, cloud: stuck(), credentials: realenv.Simulated,
		trouble: &clbsim.Fault{Kind: clbsim.ErrorCode, Code: "RequestLimitExceeded", Message: "Your current request times equals to `20` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls."},
		row:     matrix.RunningWith("Throttled"),
	},
	{
		name: "transient", class: open, cloud: stuck(), credentials: realenv.Simulated,
		trouble: &clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: 502},
		row:     matrix.RunningWith("APIUnreachable"),
	},
	{
		name: "configuration", class: open, cloud: stuck(), credentials: none(),
		row: matrix.PendingWith("CredentialsMissing"),
	},
	{
		name: "suspended", class: open, cloud: stuck(), credentials: realenv.Simulated,
		spec: map[string]any{"suspend": true},
		row:  matrix.Suspended,
	},
	{
		name: "succeeded", class: good, credentials: realenv.Simulated,
		cloud: &clbsim.Task{LoadBalancerIDs: []string{"lb-9xk2m4ub"}},
		row:   matrix.Succeeded,
	},
	{
		name: "failed", class: ended, credentials: realenv.Simulated,
		cloud: &clbsim.Task{Result: clbsim.Failed, Message: "The backend ins-5f2k8p1c is not in the VPC of the load balancer."},
		row:   matrix.Failed,
	},
	{
		name: "deadline", class: ended, cloud: stuck(), credentials: realenv.Simulated,
		spec: map[string]any{"activeDeadlineSeconds": int64(1)},
		row:  matrix.Expired,
	},
	{
		name: "unknown", class: ended, credentials: realenv.Simulated,
		row: matrix.UnknownWith("TaskNotFound"),
	},
}

// holdStates brings one CLBTask into each state. They stay there until the suite
// ends.
func holdStates(ctx context.Context) {
	GinkgoHelper()
	worlds := map[*state]*world{}
	for _, s := range states {
		w := newWorld(ctx, "state-"+s.name)
		worlds[s] = w
		if s.cloud != nil {
			task := *s.cloud
			task.ID = requestID
			w.sim.AddTask(task)
		}
		if s.credentials != nil {
			w.run(s.credentials)
		}
		s.held = w.apply(ctx, taskName, s.spec)
	}
	for _, s := range states {
		if s.trouble != nil {
			reach(ctx, s.held, matrix.Running)
			worlds[s].sim.AddFault(*s.trouble)
		}
	}
	for _, s := range states {
		By("the state " + s.name)
		reach(ctx, s.held, s.row)
	}
}
