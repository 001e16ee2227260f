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
// # Others who use the same quota
//
// A throttled answer halves the slots that may be used, at most once for the calls
// of one burst, and they grow back while answers are clean (limit.go). The
// proof stands: there are never more than R.
//
// # Who is asked
//
// A task is due when some eleventh of its age has passed since it was last asked
// (Interval), so that while the quota allows it answers are as fresh as the task
// is young. A free slot goes at once to a task that is due. Where
// more tasks are due than there are slots, the namespaces take turns (tenant.go)
// and within one the task goes first whose question is worth most: that depends
// on how likely it has finished by now, which is learned from the answers, and on
// how long that has gone undetected (hazard.go, order.go). Every so often the task
// that waited longest goes instead, so that none starves whatever was learned.
//
// While the quota is short, turns are drawn apart until they are spread evenly
// over the second (bucket.go): a newcomer then waits for the next turn only some
// hundredths of a second, not until the second is over. This is the one case in
// which slots are left free while a task is due: the next turn is then granted
// less than Window/R after the one before. A turn that came late lets the next come
// earlier, so that no turn is lost by it, and once no task has had to wait for a
// slot for two seconds, turns are granted at once again.
//
// Decisions are made afresh from the present state at every event; the only
// timer of a bucket is for the next moment at which a turn could be granted. So
// what was waited for under load is not waited for after it.
//
// # What it does not do
//
// It does not call anything, knows neither Kubernetes nor Tencent Cloud, keeps
// nothing across a restart, and has no opinion about answers: callers say by
// Outcome what an answer means for the bucket, and by Task.NotBefore what it
// means for the task.
package polling
