// Package controllers turns what the CLB API says of a task into the status of
// its CLBTask.
//
// The way of a task: Reconcile asks package polling for a turn and returns. A
// granted turn runs in a goroutine of its own (poller.go): it makes the call,
// returns the turn, keeps the answer and queues the task. Reconcile then takes
// the answer, lets the pure function Decide (status.go) make the new status of
// it, writes that status where it differs, and asks for the next turn while the
// task is in progress. So a worker never waits for the cloud, and an answer whose
// status could not be written is kept until it is.
//
// What holds of a task without any answer is the pure function Standing
// (standing.go): that it is suspended, that its deadline passed, that its spec
// changed after the outcome. Reconcile goes by it wherever there is no answer to
// settle, Decide before it looks at one, and a task with a deadline is looked at
// when that passes, whatever keeps the answer from coming.
//
// The package does not know hosts, signatures or error codes (internal/clb does)
// nor the order and pace of questions (internal/polling does).
package controllers
