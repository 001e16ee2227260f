package lifecycle

import (
	"slices"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// What may end a task, by the reason that it then has.
const (
	nothing  = ""
	answer0  = v1alpha1.ReasonTaskSucceeded
	answer1  = v1alpha1.ReasonTaskFailed
	deadLine = v1alpha1.ReasonDeadlineExceeded
	refusal  = "a confirmed refusal"
)

// facts are what really was said in a life, as far as this process of the operator can
// know it, and what design.md says that follows from that. They restate package
// lifecycle in the plainest way, and share nothing with it.
type facts struct {
	// said is what the polls of the request brought.
	said []fact
	// failing are the last row of polls since one was answered: of the request, of its
	// region, and of its account.
	failing [3][]time.Time
	// seen are the problems that polls failed with.
	seen map[clb.Problem]bool
	// since is how much was said when the task was last resumed or reopened, and resumed that it was.
	since   int
	resumed bool
	// forcedAt is when an annotation last forced a poll, and forcedBy its value.
	forcedAt time.Time
	forcedBy string
}

type fact struct {
	at time.Time
	Observation
}

const ofRequest, ofRegion, ofAccount = 0, 1, 2

var (
	accountProblems = []clb.Problem{
		clb.ProblemThrottled, clb.ProblemCredentialsMissing, clb.ProblemCredentialsRejected, clb.ProblemClockSkew, clb.ProblemAccessDenied,
	}
	endpointProblems = []clb.Problem{
		clb.ProblemAPIUnavailable, clb.ProblemAPIUnreachable, clb.ProblemUnexpectedAnswer, clb.ProblemQueryRefused,
		clb.ProblemCertificateUntrusted, clb.ProblemEndpointRefused,
	}
	mayYetAppear = []clb.Problem{clb.ProblemTaskNotFound, clb.ProblemLoadBalancerNotFound}
)

// hear notes a poll, of this request or of another one of its region.
func (f *facts) hear(o Observation, own bool, now time.Time) {
	fails := func(of int) {
		if row := f.failing[of]; len(row) > 0 && now.Sub(row[len(row)-1]) > 2*time.Minute {
			f.failing[of] = nil
		}
		f.failing[of] = append(f.failing[of], now)
	}
	if own {
		f.said = append(f.said, fact{now, o})
		fails(ofRequest)
	}
	if o.Err != nil {
		f.seen[o.Err.Problem] = true
	}
	switch {
	case o.Err == nil && own:
		f.failing = [3][]time.Time{}
	case o.Err == nil || isAboutRequest(o.Err.Problem):
		f.failing[ofRegion], f.failing[ofAccount] = nil, nil
	case slices.Contains(endpointProblems, o.Err.Problem):
		fails(ofRegion)
	case slices.Contains(accountProblems, o.Err.Problem):
		fails(ofAccount)
	default:
		panic("a problem that the tests do not know: " + o.Err.Problem)
	}
}

// forget notes that the history of the request was dropped.
func (f *facts) forget() {
	f.said, f.failing[ofRequest] = nil, nil
	f.since, f.resumed, f.forcedBy = 0, false, ""
}

// resume notes that the task is resumed or reopened. Rows of failures begin again.
func (f *facts) resume() {
	f.since, f.resumed, f.failing[ofRequest] = len(f.said), true, nil
}

func (f *facts) fork() facts {
	other := *f
	other.said = slices.Clip(f.said)
	for i := range other.failing {
		other.failing[i] = slices.Clip(f.failing[i])
	}
	other.seen = map[clb.Problem]bool{}
	for p := range f.seen {
		other.seen[p] = true
	}
	return other
}

// answered returns the last answer, nil for none.
func (f *facts) answered() *fact {
	for _, said := range slices.Backward(f.said) {
		if said.Err == nil {
			return &said
		}
	}
	return nil
}

// verdict returns the cause that the first verdict of the API is.
func (f *facts) verdict() string {
	for _, said := range f.said {
		switch {
		case said.Err != nil:
		case said.Status.State == clb.Succeeded:
			return answer0
		case said.Status.State == clb.Failed:
			return answer1
		}
	}
	return nothing
}

// refused reports whether the API has refused the request three times in a row over 30 s,
// or over ten minutes if it has been answered before, and after the grace.
func (f *facts) refused(task *v1alpha1.CLBTask, begun time.Time) bool {
	var row []fact
	enough := 30 * time.Second
	if task.Status.StartTime != nil || task.Status.APIRequestID != "" {
		enough = 10 * time.Minute
	}
	for i, said := range f.said {
		switch {
		case said.Err == nil:
			row, enough = nil, 10*time.Minute
		case i < f.since:
		case !isAboutRequest(said.Err.Problem):
		case len(row) > 0 && row[0].Err.Problem != said.Err.Problem:
			row = []fact{said}
		default:
			row = append(row, said)
		}
	}
	if len(row) < 3 || row[len(row)-1].at.Sub(row[0].at) < enough {
		return false
	}
	last := row[len(row)-1]
	surelyOld := last.at.Sub(begun) >= grace || !f.resumed && last.at.Sub(task.CreationTimestamp.Time) >= grace+5*time.Minute
	return surelyOld || !slices.Contains(mayYetAppear, last.Err.Problem)
}

// deadline returns when the task is to end; false for never.
func (f *facts) deadline(task *v1alpha1.CLBTask, begun, now time.Time) (time.Time, bool) {
	limit := time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second
	if begun.IsZero() {
		begun = now
	}
	// The creation, between what the two clocks say of it.
	oldest, newest := task.CreationTimestamp.Time, task.CreationTimestamp.Add(5*time.Minute)
	start := slices.MinFunc([]time.Time{slices.MaxFunc([]time.Time{begun, oldest}, time.Time.Compare), newest}, time.Time.Compare)
	switch {
	case task.Status.StartTime != nil:
		start = task.Status.StartTime.Time
	case f.answered() != nil:
		start = now
	case f.resumed:
		start = begun
	}
	return start.Add(limit), limit > 0
}

// overdue reports whether the deadline stands: the request was in progress then, or
// polls for two minutes after it were not, none further apart than that.
func (f *facts) overdue(deadline, begun time.Time) bool {
	if last := f.answered(); last != nil && !last.at.Before(deadline) {
		return true
	}
	var first, last time.Time
	for of, failing := range f.failing {
		if len(failing) == 0 {
			continue
		}
		from := failing[0]
		if of != ofRequest { // Others' polls count while the request is tracked.
			if begun.IsZero() || failing[len(failing)-1].Before(begun) {
				continue
			}
			from = slices.MaxFunc([]time.Time{from, begun}, time.Time.Compare)
		}
		if first.IsZero() || from.Before(first) {
			first = from
		}
		if end := failing[len(failing)-1]; end.After(last) {
			last = end
		}
	}
	waited := min(last.Sub(first), last.Sub(deadline))
	return !last.IsZero() && waited >= 2*time.Minute
}

// polledSince reports whether a poll of the request was sent at or after a time: the last
// one, since a clock may be put back.
func (f *facts) polledSince(at time.Time) bool {
	return len(f.said) > 0 && !f.said[len(f.said)-1].at.Before(at)
}
