package controllers_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

var (
	simulateSeed  = flag.Uint64("simulate.seed", 0, "the first seed of the simulation")
	simulateSeeds = flag.Uint64("simulate.seeds", 2, "how many seeds it plays")
)

const (
	simulatedTasks = 100 // Of a seed.
	simulatedSlots = 10
	// decidedWithin is the time after the last fault and the end of the last task by which
	// each task has its verdict: the resync that finds what was missed, and some polls.
	decidedWithin = 15 * time.Minute
	// soonDecided is the same for tasks that nothing befalls. It takes two minutes to
	// believe that nobody knows a request.
	soonDecided = 150 * time.Second
)

// simulation is the whole operator with the real SDK, while the cloud and the API server
// misbehave, keys are replaced and users change their minds. A seed decides it all, but
// for the order of what happens at the same moment.
type simulation struct {
	*account

	random   *rand.Rand
	stops    []func()                       // Of the operators that run.
	crowded  bool                           // Two ran at a time.
	ends     map[string]time.Time           // Of the requests, as far as they end.
	verdicts map[types.UID]v1alpha1.CLBTask // When first seen.
	present  map[types.UID]v1alpha1.CLBTask // When last seen, without those that users have deleted.
	keys     int
	faults   int          // That have begun.
	ended    atomic.Int64 // That have ended.
	objects  int
}

// TestSimulation plays lives of tasks under random faults. A failure names its seed:
//
//	make soak SEED=17 SEEDS=1
func TestSimulation(t *testing.T) {
	t.Parallel()
	for seed := *simulateSeed; seed < *simulateSeed+*simulateSeeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			withAccount(t, func(a *account) {
				s := &simulation{
					account: a, random: rand.New(rand.NewPCG(seed, 1)),
					ends: map[string]time.Time{}, verdicts: map[types.UID]v1alpha1.CLBTask{}, present: map[types.UID]v1alpha1.CLBTask{},
				}
				s.play()
			})
		})
	}
}

func (s *simulation) play() {
	s.replaceKey()
	s.begin()
	for range simulatedTasks {
		s.create()
		if s.random.IntN(30) == 0 {
			for range 2 * simulatedSlots {
				s.create()
			}
		}
		if s.random.IntN(4) == 0 {
			pick(s.random, disturbances)(s)
		}
		if s.random.IntN(4) == 0 {
			pick(s.random, edits)(s)
		}
		s.wait(s.lasting(2 * time.Second))
		s.look()
	}
	s.mend()
	s.wait(time.Until(s.lastEnd()) + decidedWithin)
	s.look()
	s.checkDecided()
	// What is created now has its verdict soon.
	for range 20 {
		s.create()
	}
	s.resume()
	s.wait(time.Until(s.lastEnd()) + soonDecided)
	s.look()
	s.checkDecided()
	s.checkCalls()
	s.checkWrites()
}

// begin starts an operator beside those that run.
func (s *simulation) begin() {
	s.stops = append(s.stops, s.start(credentials.Options{Source: credentials.FromSecret}, func(o *controllers.Options) { o.Slots = simulatedSlots }))
	s.crowded = s.crowded || len(s.stops) > 1
}

// end stops the operator that has run longest.
func (s *simulation) end() {
	s.stops[0]()
	s.stops = s.stops[1:]
}

// replaceKey lets the account have another key, and no former one.
func (s *simulation) replaceKey() {
	s.sim.Revoke(keyOwner)
	s.keys++
	s.secrets.set("operator", "key", s.add(fmt.Sprint("AKID", s.keys)))
}

// lasting returns a random time with a mean.
func (s *simulation) lasting(mean time.Duration) time.Duration {
	return time.Duration(s.random.ExpFloat64() * float64(mean))
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// create adds a request and an object for it, or an object for one that others follow.
func (s *simulation) create() {
	id := fmt.Sprint("request-", s.objects)
	vary := []func(*v1alpha1.CLBTask){named(fmt.Sprint("task-", s.objects)), in(fmt.Sprint("namespace-", s.random.IntN(4)))}
	s.objects++
	switch kind := s.random.IntN(20); {
	case kind == 0: // Nobody knows it.
	case kind == 1 && s.objects > 1:
		id = fmt.Sprint("request-", s.random.IntN(s.objects-1))
	case kind == 2: // It does not end.
		s.sim.AddTask(clbsim.Task{ID: id, Result: clbsim.Stuck})
	default:
		lasts := s.lasting(20 * time.Second)
		task := clbsim.Task{ID: id, Duration: lasts, LoadBalancerIDs: []string{"lb-1"}}
		if s.random.IntN(5) == 0 {
			task.Result, task.Message = clbsim.Failed, "No room."
		}
		s.sim.AddTask(task)
		s.ends[id] = time.Now().Add(lasts)
	}
	if s.random.IntN(10) == 0 {
		vary = append(vary, withDeadline(1+s.random.Int64N(120)))
	}
	if s.random.IntN(20) == 0 {
		vary = append(vary, suspend(true))
	}
	s.apply(id, append(vary, inRegion(pick(s.random, []string{region, "ap-shanghai", "ap-beijing"})))...)
}

func (s *simulation) lastEnd() time.Time {
	last := time.Now()
	for _, end := range s.ends {
		if end.After(last) {
			last = end
		}
	}
	return last
}

// mend ends what may keep tasks from their verdict, and lets one operator be left.
func (s *simulation) mend() {
	for int(s.ended.Load()) < s.faults {
		s.wait(time.Second)
	}
	s.sim.ClearFaults()
	s.cluster.SetFault(nil)
	s.cluster.DropEvents(nil, 0)
	s.cluster.Expire(nil) // Nothing else tells of an event that was lost.
	for len(s.stops) > 1 {
		s.end()
	}
	s.resume()
}

// resume lets all tasks be polled.
func (s *simulation) resume() {
	for _, task := range s.all() {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":false}}`))
		if err := client.IgnoreNotFound(s.client.Patch(s.Context(), &task, patch)); err != nil {
			s.Fatal(err)
		}
	}
}

// look checks each verdict that it sees: it follows from an answer of the cloud, and it
// never changes. What has gone has ended, and had a TTL.
func (s *simulation) look() {
	gone := maps.Clone(s.present)
	for _, task := range s.all() {
		delete(gone, task.UID)
		s.present[task.UID] = task
		first, seen := s.verdicts[task.UID]
		switch {
		case seen && (task.Status.Phase != first.Status.Phase || !task.Status.CompletionTime.Equal(first.Status.CompletionTime)):
			s.Errorf("the verdict of %s was %+v, and is %+v", task.Name, first.Status, task.Status)
		case !seen && (task.Status.Phase == v1alpha1.PhaseSucceeded || task.Status.Phase == v1alpha1.PhaseFailed):
			s.verdicts[task.UID] = task
			if !s.follows(&task) {
				s.Errorf("%s of %s reads %+v; its request ends at %v, and was polled %+v",
					task.Name, task.Spec.RequestID, task.Status, s.ends[task.Spec.RequestID], s.sim.CallsFor(task.Spec.RequestID))
			}
		}
	}
	for uid, task := range gone {
		delete(s.present, uid)
		id := task.Spec.RequestID
		end, known := s.ends[id]
		ended := !known || task.Spec.ActiveDeadlineSeconds > 0 || !time.Now().Before(end) &&
			slices.ContainsFunc(s.sim.CallsFor(id), func(c clbsim.Call) bool { return s.tellsEnd(c) })
		if task.Spec.TTLSecondsAfterFinished == nil || !ended {
			s.Errorf("%s of %s is gone, which read %+v, with the spec %+v", task.Name, id, task.Status, task.Spec)
		}
	}
}

// follows reports whether a verdict follows from what the cloud has answered.
func (s *simulation) follows(task *v1alpha1.CLBTask) bool {
	if expired := task.Status.Conditions[0].Reason == v1alpha1.ReasonDeadlineExceeded; expired {
		deadline := time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second
		return deadline > 0 && !time.Now().Before(task.CreationTimestamp.Add(deadline))
	}
	id := task.Spec.RequestID
	request, known := s.sim.Task(id)
	want := v1alpha1.PhaseSucceeded
	if request.Result == clbsim.Failed {
		want = v1alpha1.PhaseFailed
	}
	return known && task.Status.Phase == want && slices.ContainsFunc(s.sim.CallsFor(id), func(c clbsim.Call) bool { return s.tellsEnd(c) })
}

// tellsEnd reports whether the answer to a call says that its request has ended.
func (s *simulation) tellsEnd(c clbsim.Call) bool {
	end, ends := s.ends[c.TaskID]
	return ends && c.Code == "" && c.Fault == "" && !c.At.Before(end)
}

// checkDecided checks that each task reads as its request ended, and is what users asked for.
func (s *simulation) checkDecided() {
	for _, task := range s.all() {
		request, known := s.sim.Task(task.Spec.RequestID)
		if row := matrix.Row(task.Status); request.Result == clbsim.Stuck && (row == matrix.Running || row == matrix.Expired) {
			continue
		}
		if phase := task.Status.Phase; !phase.Final() || known && phase == v1alpha1.PhaseUnknown {
			s.Errorf("%s of %s is not decided: %+v; its polls are %+v", task.Name, task.Spec.RequestID, task.Status, s.sim.CallsFor(task.Spec.RequestID))
		}
		if token := task.Annotations[v1alpha1.AnnotationReconcileRequestedAt]; token != task.Status.LastHandledReconcileAt || task.Spec.TTLSecondsAfterFinished != nil {
			s.Errorf("%s names the token %q, and not %q, or its TTL is over", task.Name, task.Status.LastHandledReconcileAt, token)
		}
	}
}

// checkCalls checks the quota of one operator, and that no request is polled any more
// whose end all objects show.
func (s *simulation) checkCalls() {
	calls := s.polls(time.Time{})
	for i := simulatedSlots; i < len(calls) && !s.crowded; i++ {
		if took := calls[i].At.Sub(calls[i-simulatedSlots].At); took < time.Second {
			s.Errorf("%d calls came within %v: %+v", simulatedSlots+1, took, calls[i-simulatedSlots:i+1])
			break
		}
	}
	before := len(calls)
	s.wait(10 * time.Minute)
	for _, call := range s.polls(time.Time{})[before:] {
		if task, _ := s.sim.Task(call.TaskID); task.Result != clbsim.Stuck {
			s.Errorf("although it is decided it is polled: %+v", call)
		}
	}
}

// checkWrites checks that no status is written over and over.
func (s *simulation) checkWrites() {
	const most = 40
	for _, task := range s.all() {
		if writes := s.cluster.StatusWrites(task.UID); writes > most {
			s.Errorf("the status of %s was written %d times, which says last: %+v", task.Name, writes, task.Status)
		}
		if events := len(s.cluster.Events(client.ObjectKeyFromObject(&task))); events > most {
			s.Errorf("%s has %d events", task.Name, events)
		}
	}
}
