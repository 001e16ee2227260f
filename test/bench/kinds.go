package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// The kinds of tasks, as internal/polling has them in virtual time.
var (
	oneKind   = []bound.Kind{{Share: 1, Median: 4, Sigma: 0.8}}
	fiveKinds = []bound.Kind{
		{Share: 0.5, Median: 1.5, Sigma: 0.3}, {Share: 0.1, Median: 2, Sigma: 0.3}, {Share: 0.2, Median: 3, Sigma: 0.3},
		{Share: 0.1, Median: 10, Sigma: 0.3}, {Share: 0.1, Median: 20, Sigma: 0.3},
	}
	// actions are the spec.action of each kind.
	actions = []string{"CreateListener", "DeleteListener", "CreateRule", "ModifyListener", "CreateLoadBalancer"}
)

// hints says of which tasks the kind is known.
type hints int

const (
	noHints hints = iota
	allHints
	halfHints  // Those of every other task.
	wrongHints // Any kind is said to be that of a task.
)

// action returns what is said of the kind of a task, or nothing.
func (h hints) action(guess *rand.Rand, task, kind int) string {
	switch {
	case h == wrongHints:
		return actions[guess.IntN(len(actions))]
	case h == allHints, h == halfHints && task%2 == 0:
		return actions[kind]
	default:
		return ""
	}
}

// drawTask draws the kind of a task, and how long it lasts.
func drawTask(rng *rand.Rand, kinds []bound.Kind) (kind int, lasts time.Duration) {
	for left := rng.Float64() - kinds[0].Share; left >= 0 && kind < len(kinds)-1; left -= kinds[kind].Share {
		kind++
	}
	k := kinds[kind]
	lasts = time.Duration(k.Median * math.Exp(k.Sigma*rng.NormFloat64()) * float64(time.Second))
	return kind, min(lasts, longestTask)
}

const (
	aloneOneKind   = "one task alone, one kind"
	aloneFiveKinds = "one task alone, five kinds known"
	known5         = "5/s, five kinds known"
	known10        = "10/s, five kinds known"
	known15        = "15/s, five kinds known"
	noneKnown      = "10/s, five kinds, not known"
)

// loadsOfKinds are the loads that show what the operator has learned. No program beside
// knows of kinds: they are compared once with tasks of several.
func loadsOfKinds() []load {
	all := []load{
		lone(aloneOneKind, oneKind, noHints),
		lone(aloneFiveKinds, fiveKinds, allHints),
		steady(known5, fiveKinds, allHints, 5, 1000),
		steady(known10, fiveKinds, allHints, 10, 1500),
		steady(known15, fiveKinds, allHints, 15, 1800),
		steady(noneKnown, fiveKinds, noHints, 10, 1500),
		steady("10/s, five kinds, half known", fiveKinds, halfHints, 10, 1500),
		steady("10/s, five kinds, wrong at random", fiveKinds, wrongHints, 10, 1500),
	}
	for i := range all {
		l := &all[i]
		l.operatorOnly = !l.alone && l.name != known10
		l.aside = l.alone || l.hints != allHints
		if l.hints == halfHints || l.hints == wrongHints {
			l.like = noneKnown
		}
	}
	return all
}

// steady is a load whose first fifth and last tenth count for nothing.
func steady(name string, kinds []bound.Kind, known hints, rate float64, tasks int) load {
	return load{name: name, kinds: kinds, hints: known, rate: rate, tasks: tasks, first: tasks / 5, last: tasks / 10, repeat: 1}
}

// lone is 60 tasks, one after the other, once 200 that arrived together are over.
func lone(name string, kinds []bound.Kind, known hints) load {
	return load{name: name, kinds: kinds, hints: known, rate: 5, tasks: 260, first: 200, alone: true, repeat: 1}
}

// bound returns the least mean latency, in seconds, of any program that keeps to the quota and knows
// how durations are distributed but not when a task ends: with all slots busy or, if the tasks come
// one after the other, at so many calls of each. It is zero if none is known. Wrong hints say
// nothing.
func (l load) bound(calls float64) float64 {
	if l.rate == 0 || l.stuck > 0 || l.hints == halfHints || !l.undisturbed() {
		return 0
	}
	if !l.alone {
		calls = quota / (time.Second + roundTrip).Seconds() / l.rate
	}
	return bound.Latency(l.kinds, l.hints == allHints, calls) + roundTrip.Seconds()
}
