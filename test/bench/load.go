package main

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// The durations of tasks are log-normal.
const (
	medianSeconds = 4
	sigma         = 0.8
	longestTask   = 60 * time.Second
	failedShare   = 0.1
)

// load is a number of tasks and how they arrive.
type load struct {
	name string
	// tasks that end, all at once or at rate a second (Poisson).
	tasks int
	rate  float64
	// stuck tasks never end. They are there for lead before the others arrive: in
	// the first 100 s the quota is used up by polling each of them once.
	stuck int
	lead  time.Duration
	// failures are what goes wrong, and like is the load without them.
	failures failures
	like     string
	// twoRegions deals the tasks out to two regions. The figures are those of the
	// first one.
	twoRegions bool
	// aside lets the load run beside all others, since it takes long.
	aside bool
	// repeat is how many times the load runs, each with a quota of its own.
	repeat int
}

// operated is how many times the whole operator meets the load.
func (l load) operated() int { return min(l.repeat, 10) }

// undisturbed says that all calls are answered, and all tasks count.
func (l load) undisturbed() bool { return l.failures == (failures{}) && !l.twoRegions }

// counted is the number of tasks that the figures are of.
func (l load) counted() int {
	if l.twoRegions {
		return (l.tasks + 1) / 2
	}
	return l.tasks
}

func loads(short bool) []load {
	if short {
		return []load{
			{name: "1 task", tasks: 1, repeat: 2},
			{name: "40 at once, every second call fails", tasks: 40, failures: failures{share: 0.5}, repeat: 1},
			{name: "all calls fail for 10 s, then none", tasks: 75, rate: 5, failures: failures{from: 5 * time.Second, lasting: 10 * time.Second}, repeat: 1},
		}
	}
	return append([]load{
		{name: "1 task", tasks: 1, repeat: 20},
		{name: "20 at once", tasks: 20, repeat: 1},
		{name: "200 at once", tasks: 200, repeat: 5},
		{name: "1000 at once", tasks: 1000, repeat: 1},
		{name: "5/s", tasks: 600, rate: 5, repeat: 1},
		{name: "10/s", tasks: 1000, rate: 10, repeat: 1},
		{name: "15/s", tasks: 900, rate: 15, repeat: 1},
		{name: "2000 stuck, 3/s", tasks: 180, rate: 3, stuck: 2000, lead: 3 * time.Minute, aside: true, repeat: 1},
	}, failingLoads()...)
}

// failingLoads are the loads with calls that fail, and those to compare them with
// that are not measured anyway.
func failingLoads() []load {
	const rate, tasks = 5, 400
	twoRegions := load{name: "5/s in each of two regions", tasks: 2 * tasks, rate: 2 * rate, twoRegions: true, repeat: 1}
	oneFails := twoRegions
	oneFails.name, oneFails.like = "all calls of one region fail, "+twoRegions.name, twoRegions.name
	oneFails.failures.region = secondRegion
	return []load{
		{name: "every second call fails, 5/s", tasks: tasks, rate: rate, failures: failures{share: 0.5}, repeat: 1},
		{name: "200 at once, every second call fails", tasks: 200, failures: failures{share: 0.5}, like: "200 at once", repeat: 5},
		{
			name: "all calls fail for 60 s, then none", rate: rate, repeat: 1,
			tasks: int(rate * (healthy + time.Minute + healthy).Seconds()), failures: failures{from: healthy, lasting: time.Minute},
		},
		twoRegions,
		oneFails,
	}
}

// arrival is one task of a load.
type arrival struct {
	id string
	// at is when it arrives, after the begin of the run.
	at     time.Duration
	task   clbsim.Task
	region string
	// aside says that no figure counts it: it never ends, or nobody can know.
	aside bool
}

// arrivals draws the tasks of one repetition. The same seed draws the same.
func (l load) arrivals(seed uint64, repetition int) []arrival {
	rng := rand.New(rand.NewPCG(seed, uint64(repetition)))
	var all []arrival
	for i := range l.stuck {
		id := "stuck-" + strconv.Itoa(i)
		all = append(all, arrival{id: id, region: region, task: clbsim.Task{ID: id, Result: clbsim.Stuck}, aside: true})
	}
	at := l.lead
	for i := range l.tasks {
		if l.rate > 0 {
			at += time.Duration(rng.ExpFloat64() / l.rate * float64(time.Second))
		}
		lasts := time.Duration(medianSeconds * math.Exp(sigma*rng.NormFloat64()) * float64(time.Second))
		result := clbsim.Succeeded
		if rng.Float64() < failedShare {
			result = clbsim.Failed
		}
		id := "task-" + strconv.Itoa(i)
		a := arrival{id: id, at: at, region: region, task: clbsim.Task{ID: id, Duration: min(lasts, longestTask), Result: result}}
		if l.twoRegions && i%2 > 0 {
			a.region, a.aside = secondRegion, true
		}
		all = append(all, a)
	}
	return all
}
