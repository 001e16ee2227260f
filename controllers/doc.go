// Package controllers follows CLBTasks: it polls the CLB API about their requests and
// writes what follows to their status. Everything with a client, a goroutine or a
// clock is here.
//
// It is level-triggered. A reconcile looks at the object and at what is known of its
// request, and writes what follows from both; it consumes no event:
//
//	watch ─► Reconcile: task     := cache
//	                    history  := poller.look(request of task)
//	                    decision := lifecycle.Decide(task, history, health, now)
//	                    patch the status if it changed         optimistic lock
//	                    decision polls on? poller.track(task)  idempotent
//
//	polling grants a turn ─► poller.poll: no pollable task left? forget the request
//	                    observation := DescribeTaskStatus
//	                    history, health = Observe(observation)
//	                    return the turn; polling schedules the next one by itself
//	                    enqueue the tasks for which Decide now differs
//
// A verdict whose status could not be written is still in the history, so the retry
// decides the same. A stale cache does no harm: the optimistic lock refuses what
// rests on it. A field index of the cache has the pollable objects of each request, and
// a request without any is forgotten. One thing delays that: an object is suspended
// while a verdict is known and not written yet.
//
// The cache holds unfinished CLBTasks only (CacheOptions). What finished ones still
// need is done by a sweep of the leader (sweep.go).
//
// The package does not know hosts, signatures or error codes (internal/clb does),
// the order and pace of polls (internal/polling), or what a status looks like
// (internal/lifecycle).
package controllers
