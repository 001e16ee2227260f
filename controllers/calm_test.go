package controllers_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// What is left of a simulation when nothing goes wrong any more are tasks that do not end. Now the
// operator does within seconds what it may need minutes for under faults.

// soon is the time that a poll and two writes take when nothing else is to be done, for all that is left.
const soon = 10 * time.Second

// open returns the unfinished objects.
func (s *simulation) open() []v1alpha1.CLBTask {
	var open []v1alpha1.CLBTask
	for _, task := range s.all() {
		if !task.Status.Phase.Final() {
			open = append(open, task)
		}
	}
	return open
}

// patch changes objects as a user does.
func (s *simulation) patch(tasks []v1alpha1.CLBTask, with string) {
	patch := client.RawPatch(types.MergePatchType, []byte(with))
	for i := range tasks {
		if err := client.IgnoreNotFound(s.client.Patch(s.Context(), &tasks[i], patch)); err != nil { // Its TTL may be over.
			s.Fatal(err)
		}
	}
}

// resume lets all tasks be polled.
func (s *simulation) resume() {
	var suspended []v1alpha1.CLBTask
	for _, task := range s.all() {
		if task.Spec.Suspend {
			suspended = append(suspended, task)
		}
	}
	s.patch(suspended, `{"spec":{"suspend":false}}`)
}

// refuse lets the cloud know no request for some time. That ends no task that it has answered for.
func (s *simulation) refuse(lasts time.Duration) {
	s.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: unknownTask})
	s.wait(lasts)
	s.sim.ClearFaults()
}

// checkPolls checks how often each unfinished task was polled since a time.
func (s *simulation) checkPolls(since time.Time, least, most int) {
	polls := map[simulatedName]map[string]int{}
	for _, c := range s.polls(since) {
		name := simulatedName{c.Service, c.Region, c.TaskID, c.DealName}
		if polls[name] == nil {
			polls[name] = map[string]int{}
		}
		polls[name][c.Account]++
	}
	for _, task := range s.open() {
		if n := polls[requestOf(&task)][accountOf(&task)]; n < least || n > most {
			s.Errorf("%s of %+v was polled %d times in %v, not %d to %d times; it reads %+v",
				task.Name, requestOf(&task), n, time.Since(since), least, most, task.Status)
		}
	}
}

// checkPace checks that tasks are polled every half a minute at least, however old they are, and once more
// if somebody asks for it, and that they end at their deadlines.
func (s *simulation) checkPace() {
	begun := time.Now()
	for i := range 5 {
		task := clbsim.Task{Product: clbsim.CLB, Region: region, ID: fmt.Sprint("deadline-", i), Result: clbsim.Stuck}
		s.know(task, 0)
		s.apply(task.ID, withDeadline(90+5*int64(i)))
	}
	s.wait(2 * time.Minute)
	s.checkPolls(begun, 3, 40) // Two minutes cost four polls if no end is expected, and more while one is.
	for _, task := range s.all() {
		if start, end := task.Status.StartTime, task.Status.CompletionTime; strings.HasPrefix(task.Name, "deadline-") {
			if deadline := time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second; start == nil || end == nil || end.Sub(start.Time) > deadline+2*time.Second {
				s.Errorf("%s has a deadline of %v, and reads %+v", task.Name, deadline, task.Status)
			}
		}
	}
	forced := time.Now()
	s.cluster.SetFault(func(r *http.Request) error { // A poll is forced once, even if that cannot be written.
		if r.Method == http.MethodPatch {
			return errors.New("connection reset")
		}
		return nil
	})
	s.patch(s.open(), fmt.Sprintf(`{"metadata":{"annotations":{%q:"last"}}}`, v1alpha1.AnnotationReconcileRequestedAt))
	s.wait(soon)
	s.checkPolls(forced, 1, 3)
	s.cluster.SetFault(nil)
	s.wait(2 * soon)
	s.checkDecided()
}

// checkProblem checks that all objects show a problem of their account, whether or not they are polled.
func (s *simulation) checkProblem() {
	s.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: "AuthFailure.UnauthorizedOperation"})
	s.wait(time.Minute)
	for _, task := range s.open() {
		if task.Status.Conditions[0].Reason != v1alpha1.ReasonAccessDenied {
			s.Errorf("nobody may poll, and %s reads %+v", task.Name, task.Status)
		}
	}
	s.sim.ClearFaults()
	s.wait(time.Minute)
	s.checkBurst()
}

// checkBurst checks that nothing is held back any more when a problem is over: beside a task that showed it, others
// end as fast as the quota allows.
func (s *simulation) checkBurst() {
	beside := slices.DeleteFunc(s.open(), func(task v1alpha1.CLBTask) bool { return accountOf(&task) != keyOwner })
	if len(beside) == 0 {
		return
	}
	request := requestOf(&beside[0])
	for i := range 3 * simulatedSlots / 2 {
		task := clbsim.Task{ID: fmt.Sprint("burst-", i), Product: request.service, Region: request.region, LoadBalancerIDs: []string{"lb-1"}}
		s.know(task, 0)
		s.apply(task.ID, named(task.ID), in(beside[0].Namespace), inRegion(task.Region), func(t *v1alpha1.CLBTask) { t.Spec.Product = beside[0].Spec.Product })
	}
	s.wait(soon / 2)
	for _, task := range s.open() {
		if strings.HasPrefix(task.Name, "burst-") {
			s.Errorf("%s of %+v is not decided: %+v; its polls are %+v", task.Name, requestOf(&task), task.Status, s.callsFor(&task))
		}
	}
}

// checkSuspended checks that what is suspended is not polled, and then polled as if it was new. A foreign
// write, which causes no reconcile, is found by the resync.
func (s *simulation) checkSuspended() {
	s.patch(s.open(), `{"spec":{"suspend":true}}`)
	s.wait(soon)
	begun := time.Now()
	for _, task := range s.open() {
		s.writeStatus(&task, `{"phase":"Running"}`)
	}
	s.wait(10 * time.Minute)
	for _, task := range s.open() {
		if matrix.Row(task.Status) != matrix.Suspended {
			s.Errorf("%s is suspended, and reads %+v", task.Name, task.Status)
		}
	}
	if polls := s.polls(begun); len(polls) > 0 {
		s.Errorf("although all is suspended or decided there are the polls %+v", polls)
	}
	resumed := time.Now()
	s.resume()
	s.wait(soon)
	for _, task := range s.open() {
		if start := task.Status.StartTime; start == nil || start.Time.Before(resumed.Truncate(time.Second)) {
			s.Errorf("%s was resumed at %v, and reads %+v", task.Name, resumed, task.Status)
		}
	}
}

// checkEnd checks that the end of a task is noticed by the next poll, and written although others write.
func (s *simulation) checkEnd() {
	for _, request := range slices.Collect(maps.Values(s.requests)) {
		if task := request.task; task.Result == clbsim.Stuck {
			task.Result = clbsim.Succeeded
			s.know(task, 0)
		}
	}
	s.cluster.SetLag(2 * time.Second)
	for i := range 10 {
		s.patch(s.open(), fmt.Sprintf(`{"metadata":{"labels":{"edit":"%d"}}}`, i))
		s.wait(2 * time.Second)
	}
	s.cluster.SetLag(0)
	s.wait(40 * time.Second)
	s.checkDecided()
}

// checkReplaced checks that nothing is left of a request that no object names any more.
func (s *simulation) checkReplaced() {
	named := map[simulatedName]int{}
	all := s.all()
	for i := range all {
		named[requestOf(&all[i])]++
	}
	all = slices.DeleteFunc(all, func(task v1alpha1.CLBTask) bool {
		return named[requestOf(&task)] > 1 || task.Status.Phase != v1alpha1.PhaseSucceeded || task.Spec.TTLSecondsAfterFinished != nil
	})
	all = all[:min(len(all), 10)]
	begun := time.Now()
	for i := range all {
		s.replace(&all[i], all[i].Spec)
	}
	s.wait(soon)
	for i := range all {
		if calls := s.callsFor(&all[i]); len(calls) == 0 || calls[len(calls)-1].At.Before(begun) {
			s.Errorf("%s was created again, and not polled", all[i].Name)
		}
	}
	s.checkDecided()
}

// checkTakenOver checks objects that take the name of another one: while nobody watches, while that waits for
// the end of its TTL, and while the operator deletes it.
func (s *simulation) checkTakenOver() {
	const ttl = 8 * time.Second
	for _, name := range []string{"unseen", "waiting", "deleted"} {
		task := clbsim.Task{Product: clbsim.CLB, Region: region, LoadBalancerIDs: []string{"lb-1"}}
		task.ID = "next-" + name
		s.know(task, 0)
		if task.ID = name; name == "unseen" {
			task.Result = clbsim.Stuck
		}
		s.know(task, 0)
		s.apply(name, func(t *v1alpha1.CLBTask) { t.Spec.TTLSecondsAfterFinished = new(int64(ttl / time.Second)) })
	}
	replace := func(name string) {
		s.replace(s.get(name), v1alpha1.CLBTaskSpec{RequestID: "next-" + name, Region: region})
	}
	s.wait(ttl / 2)
	s.cluster.Expire(func() { replace("unseen") })
	replace("waiting")
	s.cluster.SetLatency(2 * time.Second) // The deletion takes that twice: it reads the object first.
	s.wait(time.Until(s.get("deleted").Status.CompletionTime.Add(ttl + 3*time.Second)))
	replace("deleted")
	s.wait(2 * time.Second)
	s.cluster.SetLatency(0)
	s.wait(soon)
	s.checkDecided()
}
