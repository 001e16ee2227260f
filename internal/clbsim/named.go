package clbsim

import (
	"strings"
	"time"
)

// simulated begins every request ID of the simulator's calls, so that no reply is taken
// for the cloud's.
const simulated = "simulated-"

// named returns the task that an ID describes, whose clock starts with the first poll:
// whoever can reach no interface but the API's still has tasks. More may follow the
// duration, after a dash, to have several tasks of a kind.
//
//	sim-succeeds-8s
//	sim-fails-1m30s-web
//	sim-never
func named(id string) (t Task, ok bool) {
	parts := strings.SplitN(id, "-", 4)
	if parts[0] != "sim" || len(parts) < 2 {
		return Task{}, false
	}
	t = Task{ID: id, FromFirstPoll: true}
	switch parts[1] {
	case "never":
		t.Result = Stuck
		return t, true
	case "succeeds":
		t.Result, t.LoadBalancerIDs = Succeeded, []string{"lb-simulated"}
	case "fails":
		t.Result, t.Message = Failed, "This failure is simulated."
	default:
		return Task{}, false
	}
	if len(parts) < 3 {
		return Task{}, false
	}
	duration, err := time.ParseDuration(parts[2])
	t.Duration = duration
	return t, err == nil && duration >= 0
}
