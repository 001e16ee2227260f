// Package polling decides which task is polled next. It keeps the quota of every
// bucket, when each task is due and the order among those that are.
//
// A caller tracks a task with Scheduler.Track. The task gets turns until it has
// finished or is forgotten. Each turn is passed to the function given to New, in a
// goroutine of its own, which makes one call and gives the turn back with
// Turn.Return; the scheduler queues the task again by itself. Nothing here waits in
// the caller's goroutine, and a turn that is held for long costs its bucket one
// slot and nothing else. The life of an entry:
//
//	Track ──► due ──► out ──┬──► waiting ──► due    in progress, refused, no call made
//	           │            ├──► due                throttled, or failed by chance
//	           ▼            ├──► parked ──► due     failed while the gate of its region is
//	         parked ──► due │                       closed, or often though others do not
//	   (its gate is closed) └──► finished           until Forget
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
// If a call is given up, "had arrived" needs the caller's help: closing the
// connection must drop what has not been sent (package clb does). What is left
// is a packet that lives in the network for more than a second after that.
//
// A process that died without returning its turns may have called up to its
// last moment, so a scheduler grants nothing in the first second after Start.
//
// # Others that use the same quota
//
// A throttled answer cuts the slots that may be used, at most once for the calls
// of one burst, and they grow back while answers are clean (CUBIC, limit.go). The
// proof stands: there are never more than R. Throttled tasks keep their places.
//
// # Which task is polled
//
// How soon tasks finish is learned from the answers, for each age (hazard.go), and apart
// for each kind of task that is known, such as those of one API call (kind.go). A poll has a
// price, in seconds of undetected finish. At each price dynamic programming plans
// the polls of a task (plan.go). The first poll is due at once, each further one as
// planned for the price of a bucket with idle slots, after half a minute at the latest.
//
// A free slot goes at once to a task that is due. If more tasks
// are due than there are slots, the tenants take turns (tenant.go), and within one
// the task goes first that is due at the highest price (order.go): that is its Whittle
// index. Every so often the task that stands in line
// longest goes instead, so that none starves even if what was learned is wrong.
//
// While a bucket is congested its turns are paced until they are spread evenly over
// the second (bucket.go): a newcomer then waits for the next turn only some
// hundredths of a second, not until the second is over. This is the one case in
// which slots are left free while a task is due: the next turn is then granted
// less than Window/R after the one before. A turn that came late lets the next come
// earlier, so that no turn is lost by it, and once no task has had to wait for a
// slot for two seconds, turns are granted at once again.
//
// # What fails
//
// A failed call says nothing about the task, which keeps its place: the backoff
// lives in the gate of its region (gate.go). A gate knows the share of clean
// answers among the last calls of the region, in which each tenant counts the same
// (lane.go), and is open as long as that is a quarter. So what fails at random costs
// a task one more call. Below that the gate closes to all tenants but those whose
// calls are answered, so that however many tenants fail, one that does not is not held
// up. It lets through fewer calls, down to one at a time and one a second when all fail.
// The tenants take turns, each with its expedited task, else with the one that was tried
// longest ago. Other regions of the bucket notice nothing. With the first clean answers
// of what had failed the gate lets more through, and after three it is open.
//
// If the account is what fails, the probes of each tenant slow down to one in 8 s,
// and the first answer in any region of the bucket opens all gates that the
// account had closed. Regions that fail while others are answered, two probes
// in a row, do not wait for the account and open by themselves.
//
// A task whose own calls fail in a row although the others of its region are
// answered, so often that chance does not explain it, backs off by itself, up to
// 30 s. That ends when the region's gate closes.
//
// The turns that are out are bounded over all buckets, too. Of the turns left each
// bucket gets at most as many again as it holds, so buckets whose calls hang leave
// some for the others.
//
// Decisions are made again from the present state at every event; the only
// timer of a bucket is for the next moment at which a turn could be granted. So
// what was waited for under load is not waited for after it.
//
// # Time
//
// No wall-clock time enters: a task's age is a duration, and counts on the
// monotonic clock from the first Track on. So a step of the wall clock changes
// nothing.
//
// # What it does not do
//
// It does not call anything, knows neither Kubernetes nor Tencent Cloud, keeps
// nothing across a restart, and has no opinion about answers: callers say by
// Outcome what an answer means. It does not notice by itself that a task is of no
// interest any more: an entry stays until Forget, and a finished one costs only its
// memory.
package polling
