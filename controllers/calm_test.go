package controllers_test

import (
	"fmt"
	"maps"
	"slices"
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

// checkPace checks that tasks are polled every half a minute if they are old, and once more if somebody asks for it.
func (s *simulation) checkPace() {
	begun := time.Now()
	s.wait(2 * time.Minute)
	s.checkPolls(begun, 3, 8)
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

// checkEnd checks that the end of an old task is noticed by the next poll.
func (s *simulation) checkEnd() {
	for _, request := range slices.Collect(maps.Values(s.requests)) {
		if task := request.task; task.Result == clbsim.Stuck {
			task.Result = clbsim.Succeeded
			s.know(task, 0)
		}
	}
	s.wait(time.Minute)
	s.checkDecided()
}
