// Package lifecycle decides what the status of a CLBTask is. It is pure: it has no
// client, no clock and no goroutine, and the time is an argument of everything.
//
// Two values describe the world beside the object itself. History is what the API
// has said of one request. Health is how the polls of the account and of the
// region's endpoint go. Policy.Decide projects them and the object onto a status:
//
//	History.Observe(observation, now) ─► History ─┐
//	Health.Observe(observation, now)  ─► Health ──┼─► Policy.Decide(task, …, now) ─► Decision
//	CLBTask ──────────────────────────────────────┘
//
// A decision depends on nothing else, so it can be made again at any time: after
// a conflict, after a restart, from a stale cache.
//
// The table of problems (problems.go) says of every error of package clb what it is
// about, whether somebody has to intervene, and how conditions name it.
//
// The package does not know when a request is polled (package polling does), and
// it does not write anything (package controllers does).
package lifecycle
