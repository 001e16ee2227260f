package controllers_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

var (
	simulateSeed  = flag.Uint64("simulate.seed", 0, "the first seed of the simulation")
	simulateSeeds = flag.Uint64("simulate.seeds", 1, "how many seeds it plays")
	simulateLog   = flag.Bool("simulate.log", false, "show the end of the operator's log of a seed that fails")
)

const (
	simulatedSteps = 150 // Of a seed, in each of which one task is created or more.
	simulatedSlots = 10
	// decidedWithin is the time after the last fault and the end of the last task by which
	// each task has its verdict: the resync that finds what was missed, and some polls.
	decidedWithin = 15 * time.Minute
	// expiredWithin is how long after its TTL an object is there at most. The next sweep finds a TTL
	// that was set after the end.
	expiredWithin = 6 * time.Minute
	// soonDecided is the same for tasks that nothing befalls. It takes two minutes to
	// believe that nobody knows a request.
	soonDecided = 150 * time.Second
	// knownWithin is how long after its creation a request may be unknown: well within the
	// grace, since a poll of an odd request backs off.
	knownWithin = time.Minute
)

var simulatedRegions = []string{region, "ap-shanghai", "ap-beijing"}

// simulation is the whole operator with the real SDK, while the cloud and the API server
// misbehave, replicas come and go, keys are replaced and users change their minds. A seed
// decides it all, but for the order of what happens at the same moment.
type simulation struct {
	*account

	random   *rand.Rand
	elects   bool // Two replicas elect a leader. Else one operator runs, or now and then two.
	replicas []*replica
	started  int // Replicas, in all.
	keys     int
	faults   int          // That have begun.
	ended    atomic.Int64 // That have ended.
	objects  int
	requests map[simulatedName]simulatedRequest
	log      *tail

	seen sync.Mutex // Of what follows.
	life map[types.UID]*life
	uids []types.UID // Of what is there, in order of creation.
	// several is when more than one replica may have polled.
	several []period
}

type period struct{ from, to time.Time }

// simulatedName is what a request is known by.
type simulatedName struct{ service, region, id, deal string }

// simulatedRequest is one that the cloud knows, or will know soon.
type simulatedRequest struct {
	task clbsim.Task
	ends time.Time // Zero for never.
}

// TestSimulation plays lives of tasks under random faults. A failure names its seed:
//
//	make soak SEED=17 SEEDS=1
func TestSimulation(t *testing.T) {
	t.Parallel()
	seeds := make([]uint64, *simulateSeeds)
	for i := range seeds {
		seeds[i] = *simulateSeed + uint64(i)
	}
	var lives atomic.Int64
	tell := func() { _, _ = fmt.Fprintf(os.Stdout, "%d lives simulated\n", lives.Load()) }
	minutes := time.NewTicker(time.Minute)
	go func() {
		for range minutes.C {
			tell()
		}
	}()
	t.Cleanup(func() { minutes.Stop(); tell() })
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			withAccount(t, func(a *account) {
				s := &simulation{
					account: a, random: rand.New(rand.NewPCG(seed, 1)), elects: seed%2 == 0, log: new(tail),
					requests: map[simulatedName]simulatedRequest{}, life: map[types.UID]*life{},
				}
				s.play()
				lives.Add(int64(len(s.life)))
				if s.Failed() { // The test itself tells when all seeds are played.
					_, _ = fmt.Fprintf(os.Stdout, "found a fault: make soak SEED=%d SEEDS=1 SOAK_FLAGS=-simulate.log\n", seed)
				}
			})
		})
	}
}

func (s *simulation) play() {
	s.cluster.Observe(s.observe)
	if s.random.IntN(2) == 0 {
		s.cluster.DisableWatchList()
	}
	for i := range 4 {
		namespace := fmt.Sprint("namespace-", i)
		s.secrets.set(namespace, "own", s.add(fmt.Sprint("AKIDown", i), func(c *clbsim.Credential) { c.Account = ownAccount(namespace) }))
	}
	s.replaceKey()
	s.begin()
	if s.elects {
		s.begin()
	}
	for range simulatedSteps {
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
		s.tend()
	}
	s.mend()
	s.refuse(100 * time.Second)
	s.wait(time.Until(s.lastEnd()) + decidedWithin)
	s.checkDecided()
	s.refuse(40 * time.Second)
	// What is created now has its verdict soon.
	for range 20 {
		s.create()
	}
	s.resume()
	s.wait(time.Until(s.lastEnd()) + soonDecided)
	s.checkDecided()
	s.checkWrites()
	s.checkPace()
	s.checkProblem()
	s.checkSuspended()
	s.checkEnd()
	s.checkReplaced()
	s.checkTakenOver()
	s.checkCalls()
	for len(s.replicas) > 0 {
		s.end(0)
	}
	if s.Failed() && *simulateLog {
		s.Log(s.log.String())
	}
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
	task := clbsim.Task{ID: id, Product: clbsim.CLB, Region: pick(s.random, simulatedRegions), LoadBalancerIDs: []string{"lb-1"}}
	vary := []func(*v1alpha1.CLBTask){named(fmt.Sprint("task-", s.objects)), in(fmt.Sprint("namespace-", s.random.IntN(4)))}
	s.objects++
	switch s.random.IntN(10) {
	case 0:
		task.Product = clbsim.GWLB
		vary = append(vary, func(t *v1alpha1.CLBTask) { t.Spec.Product = v1alpha1.ProductGWLB })
	case 1:
		task.DealName = "deal-" + id
		vary = append(vary, func(t *v1alpha1.CLBTask) { t.Spec.RequestID, t.Spec.DealName = "", task.DealName })
	case 2:
		vary = append(vary, func(t *v1alpha1.CLBTask) { t.Spec.CredentialsSecretRef = &v1alpha1.SecretReference{Name: "own"} })
	case 3:
		vary = append(vary, func(t *v1alpha1.CLBTask) {
			t.Spec.Action = pick(s.random, []string{"CreateListener", "BatchRegisterTargets"})
		})
	}
	switch kind := s.random.IntN(20); {
	case kind == 0: // Nobody knows it.
	case kind == 1 && s.objects > 1:
		id = fmt.Sprint("request-", s.random.IntN(s.objects-1))
	case kind == 2: // It does not end.
		task.Result = clbsim.Stuck
		s.know(task, 0)
	default:
		task.Duration = s.lasting(20 * time.Second)
		if s.random.IntN(5) == 0 {
			task.Result, task.Message = clbsim.Failed, "No room."
		}
		var late time.Duration
		if s.random.IntN(5) == 0 { // It becomes known after it was returned.
			late = time.Duration(s.random.Int64N(int64(knownWithin)))
		}
		s.know(task, late)
	}
	if s.random.IntN(10) == 0 {
		vary = append(vary, withDeadline(1+s.random.Int64N(120)))
	}
	if s.random.IntN(20) == 0 {
		vary = append(vary, suspend(true))
	}
	s.apply(id, append(vary, inRegion(task.Region))...)
}

// know lets the cloud know a request after some time.
func (s *simulation) know(task clbsim.Task, late time.Duration) {
	request := simulatedRequest{task: task}
	if task.Result != clbsim.Stuck {
		request.ends = time.Now().Add(late + task.Duration)
	}
	time.AfterFunc(late, func() { s.sim.AddTask(task) })
	s.seen.Lock()
	defer s.seen.Unlock()
	name := simulatedName{service: task.Product, region: task.Region, id: task.ID}
	s.requests[name] = request
	if task.DealName != "" {
		name.id, name.deal = "", task.DealName
		s.requests[name] = request
	}
}

func (s *simulation) lastEnd() time.Time {
	last := time.Now()
	for _, request := range s.requests {
		if request.ends.After(last) {
			last = request.ends
		}
	}
	return last
}

// mend ends what may keep tasks from their verdict, and lets those replicas be left that belong there.
func (s *simulation) mend() {
	for int(s.ended.Load()) < s.faults {
		s.wait(time.Second)
	}
	s.sim.ClearFaults()
	s.cluster.SetFault(nil)
	s.cluster.DropEvents(nil, 0)
	s.cluster.SetLag(0)
	s.cluster.SetLatency(0)
	s.cluster.Expire(nil) // Nothing else tells of an event that was lost.
	s.tend()
	for len(s.replicas) > 1 && !s.elects {
		s.end(0)
	}
	s.resume()
}
