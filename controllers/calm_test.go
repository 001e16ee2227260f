package controllers_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
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

// checkPace checks that tasks are polled every half a minute if they are old, and once more if somebody asks
// for it, and that they end at their deadlines.
func (s *simulation) checkPace() {
	begun := time.Now()
	for i := range 5 {
		task := clbsim.Task{Product: clbsim.CLB, Region: region, ID: fmt.Sprint("deadline-", i), Result: clbsim.Stuck}
		s.know(task, 0)
		s.apply(task.ID, withDeadline(90+5*int64(i)))
	}
	s.wait(2 * time.Minute)
	s.checkPolls(begun, 3, 8)
	for _, task := range s.all() {
		if start, end := task.Status.StartTime, task.Status.CompletionTime; strings.HasPrefix(task.Name, "deadline-") {
			if deadline := time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second; start == nil || end == nil || end.Sub(start.Time) > deadline+2*time.Second {
				s.Errorf("%s has a deadline of %v, and reads %+v", task.Name, deadline, task.Status)
			}
		}
	}
	forced := time.Now()
	s.patch(s.open(), fmt.Sprintf(`{"metadata":{"annotations":{%q:"last"}}}`, v1alpha1.AnnotationReconcileRequestedAt))
	s.wait(soon)
	s.checkPolls(forced, 1, 3)
	s.checkDecided()
}

// checkSuspended checks that what is suspended is not polled, and then polled as if it was new.
func (s *simulation) checkSuspended() {
	s.patch(s.open(), `{"spec":{"suspend":true}}`)
	s.wait(soon)
	begun := time.Now()
	s.wait(10 * time.Minute)
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
		s.remove(&all[i])
		s.apply("", func(t *v1alpha1.CLBTask) { t.Name, t.Namespace, t.Spec = all[i].Name, all[i].Namespace, all[i].Spec })
	}
	s.wait(soon)
	for i := range all {
		if calls := s.callsFor(&all[i]); len(calls) == 0 || calls[len(calls)-1].At.Before(begun) {
			s.Errorf("%s was created again, and not polled", all[i].Name)
		}
	}
	s.checkDecided()
}
