package main

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// failedShare is how many tasks fail.
const failedShare = 0.1

// load is a number of tasks and how they arrive.
type load struct {
	name string
	// kinds are those of the tasks, and hints says which of them are known.
	kinds []bound.Kind
	hints hints
	// tasks that end, all at once or at rate a second (Poisson). The first and the last few
	// count for nothing: ours learns from the first, and the last have more of the quota.
	tasks       int
	rate        float64
	first, last int
	// alone says that the tasks that count come one after the other.
	alone bool
	// stuck tasks never end. They are there for lead before the others arrive: in
	// the first 100 s the quota is used up by polling each of them once.
	stuck int
	lead  time.Duration
	// failures are what goes wrong, and like is the load without them, or without hints.
	failures failures
	like     string
	// twoRegions deals the tasks out to two regions. The figures are those of the
	// first one.
	twoRegions bool
	// aside lets the load run beside others.
	aside bool
	// operatorOnly spares the strategies beside the operator the load.
	operatorOnly bool
	// repeat is how many times the load runs, each with a quota of its own.
	repeat int
}

// undisturbed says that all calls are answered, and all tasks count.
func (l load) undisturbed() bool { return l.failures == (failures{}) && !l.twoRegions }

// counted is the number of tasks that the figures are of.
func (l load) counted() int {
	if l.twoRegions {
		return (l.tasks + 1) / 2
	}
	return l.tasks - l.first - l.last
}

func loads(short bool) []load {
	if short {
		return []load{
			{name: "2 tasks, one after the other", kinds: bound.FiveKinds, hints: allHints, tasks: 6, rate: 5, first: 4, alone: true, aside: true, repeat: 1},
			{name: "40 at once, every second call fails", kinds: bound.OneKind, tasks: 40, failures: failures{share: 0.5}, repeat: 1},
			{
				name: "all calls fail for 10 s, then none", kinds: bound.OneKind, tasks: 75, rate: 5, repeat: 1,
				failures: failures{from: 5 * time.Second, lasting: 10 * time.Second},
			},
		}
	}
	return slices.Concat([]load{
		{name: "200 at once", kinds: bound.OneKind, tasks: 200, repeat: 5},
		{name: "1000 at once", kinds: bound.OneKind, tasks: 1000, repeat: 1},
		steady("5/s", bound.OneKind, noHints, 5, 750),
		steady("10/s", bound.OneKind, noHints, 10, 1300),
		steady("15/s", bound.OneKind, noHints, 15, 1800),
		{name: "2000 stuck, 3/s", kinds: bound.OneKind, tasks: 180, rate: 3, stuck: 2000, lead: 3 * time.Minute, aside: true, repeat: 1},
	}, loadsOfKinds(), failingLoads())
}

// failingLoads are the loads with calls that fail, and those to compare them with
// that are not measured anyway.
func failingLoads() []load {
	const rate, tasks = 5, 400
	twoRegions := load{name: "5/s in each of two regions", kinds: bound.OneKind, tasks: 2 * tasks, rate: 2 * rate, twoRegions: true, repeat: 1}
	oneFails := twoRegions
	oneFails.name, oneFails.like = "all calls of one region fail, "+twoRegions.name, twoRegions.name
	oneFails.failures.region = secondRegion
	return []load{
		{name: "every second call fails, 5/s", kinds: bound.OneKind, tasks: tasks, rate: rate, failures: failures{share: 0.5}, aside: true, repeat: 1},
		{name: "200 at once, every second call fails", kinds: bound.OneKind, tasks: 200, failures: failures{share: 0.5}, like: "200 at once", repeat: 2},
		{
			name: "all calls fail for 60 s, then none", kinds: bound.OneKind, rate: rate, aside: true, repeat: 1,
			tasks: int(rate * (healthy + time.Minute + healthy).Seconds()), failures: failures{from: healthy, lasting: time.Minute},
		},
		twoRegions,
		oneFails,
	}
}

// arrival is one task of a load.
type arrival struct {
	id string
	// at is when it arrives, after the begin of the run. If it is alone, it arrives once all
	// before it are settled.
	at    time.Duration
	alone bool
	task  clbsim.Task
	// region and action are what the operator is given of it.
	region, action string
	// aside says that no figure counts it and nobody waits for it: it never ends, or nobody
	// can know. uncounted says that no figure counts it.
	aside, uncounted bool
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
	begun := len(all)
	guess := rand.New(rand.NewPCG(seed, ^uint64(repetition))) // The tasks are the same with any hints.
	for i := range l.tasks {
		if l.rate > 0 {
			at += time.Duration(rng.ExpFloat64() / l.rate * float64(time.Second))
		}
		kind, lasts := bound.Draw(rng, l.kinds)
		result := clbsim.Succeeded
		if rng.Float64() < failedShare {
			result = clbsim.Failed
		}
		id := "task-" + strconv.Itoa(i)
		a := arrival{id: id, at: at, region: region, task: clbsim.Task{ID: id, Duration: lasts, Result: result}}
		a.action = l.hints.action(guess, i, kind)
		a.uncounted = i < l.first || i >= l.tasks-l.last
		a.alone = l.alone && !a.uncounted
		if l.twoRegions && i%2 > 0 {
			a.region, a.aside = secondRegion, true
		}
		all = append(all, a)
	}
	if l.rate > 0 {
		// The rate is met over the whole run: the figures depend less on the draw.
		scale := float64(l.tasks) / l.rate / (at - l.lead).Seconds()
		for i := range all[begun:] {
			a := &all[begun+i]
			a.at = l.lead + time.Duration(scale*float64(a.at-l.lead))
		}
	}
	return all
}
