package main

import (
	"math/rand/v2"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// actions are the spec.action of each kind.
var actions = []string{"CreateListener", "DeleteListener", "CreateRule", "ModifyListener", "CreateLoadBalancer"}

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
		lone(aloneOneKind, bound.OneKind, noHints),
		lone(aloneFiveKinds, bound.FiveKinds, allHints),
		steady(known5, bound.FiveKinds, allHints, 5, 1000),
		steady(known10, bound.FiveKinds, allHints, 10, 1500),
		steady(known15, bound.FiveKinds, allHints, 15, 1800),
		steady(noneKnown, bound.FiveKinds, noHints, 10, 1500),
		steady("10/s, five kinds, half known", bound.FiveKinds, halfHints, 10, 1500),
		steady("10/s, five kinds, wrong at random", bound.FiveKinds, wrongHints, 10, 1500),
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
