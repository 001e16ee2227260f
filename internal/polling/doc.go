// Package polling decides who may ask the API next. It keeps the quota of every
// bucket, the interval of every task and the order among tasks that are due.
//
// A caller asks for a turn with Scheduler.Ask and gets it, in a goroutine of its
// own, through the function given to New. It makes one call and gives the turn
// back with Turn.Return. Nothing here waits in the caller's goroutine, and a
// turn that is held for long costs its bucket one slot and nothing else.
//
// # Slots, and why the quota holds
//
// The API counts requests as they arrive: at most 20 within a second for an
// account at a host. A bucket owns R ≤ 20 slots. A call takes a slot when its
// turn is granted, and the slot comes back one second (Window) after the turn
// was returned, that is, after the answer arrived or the call was given up.
//
// Claim: no window of one second at the server holds more than R arrivals.
//
// Proof: Take any R+1 calls of a bucket, in the order of their grants. At most R
// slots exist, so two of them, a before b, used the same slot. b was granted at
// least one second after a's turn was returned. a had arrived at the server
// before its answer left, hence before its turn was returned, and b arrives
// after its grant. So a and b arrive more than a second apart, and the R+1 calls
// do not fit into a window of one second, however long each was on its way. ∎
//
// Where a call is given up, "had arrived" needs the caller's help: closing the
// connection must drop what has not been sent (package clb does). What is left
// is a packet that lives in the network for more than a second after that.
//
// A process that died without returning its turns may have called up to its
// last moment, so a scheduler grants nothing in the first second after Start.
//
// # What it does not do
//
// It does not call anything, knows neither Kubernetes nor Tencent Cloud, keeps
// nothing across a restart, and has no opinion about answers: callers say by
// Outcome what an answer means for the bucket, and by Task.NotBefore what it
// means for the task.
package polling
