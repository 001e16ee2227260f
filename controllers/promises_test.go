package controllers_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// life is what was seen of an object.
type life struct {
	born    time.Time
	last    *v1alpha1.CLBTask
	verdict *v1alpha1.CLBTask // As it first was.
	removed bool              // By a user.
	foreign bool              // Somebody else has written its status.
	changed time.Time         // When its status last changed, or it was created.
	writes  []time.Time       // When its status changed.
	flaps   []time.Time       // When its reason changed.
}

// requestOf returns what the request of an object is called.
func requestOf(task *v1alpha1.CLBTask) simulatedName {
	return simulatedName{cmp.Or(string(task.Spec.Product), clbsim.CLB), task.Spec.Region, task.Spec.RequestID, task.Spec.DealName}
}

// accountOf returns the account whose key polls for an object.
func accountOf(task *v1alpha1.CLBTask) string {
	if task.Spec.CredentialsSecretRef == nil {
		return keyOwner
	}
	return ownAccount(task.Namespace)
}

// ownAccount returns the account of the Secret of a namespace.
func ownAccount(namespace string) string {
	return "300/40" + strings.TrimPrefix(namespace, "namespace-")
}

// observe sees each change of an object as it is made. Safety: a verdict follows from an answer of the
// cloud and never changes, and what goes without a user has ended, and had a TTL.
func (s *simulation) observe(before, after *v1alpha1.CLBTask) {
	s.seen.Lock()
	defer s.seen.Unlock()
	if before == nil {
		s.life[after.UID] = &life{born: time.Now(), changed: time.Now(), last: after}
		s.uids = append(s.uids, after.UID)
		return
	}
	l := s.life[before.UID]
	if after == nil {
		s.uids = slices.DeleteFunc(s.uids, func(uid types.UID) bool { return uid == before.UID })
		if ttl := before.Spec.TTLSecondsAfterFinished; !l.removed && (ttl == nil || !before.Status.Phase.Final() ||
			time.Now().Before(before.Status.CompletionTime.Add(time.Duration(*ttl)*time.Second))) {
			s.Errorf("%s is gone, which read %+v, with the spec %+v", before.Name, before.Status, before.Spec)
		}
		return
	}
	l.last = after
	if !equality.Semantic.DeepEqual(before.Status, after.Status) {
		if wrong := s.wrong(l, before, after); wrong != "" && !l.foreign {
			s.Errorf("the status of %s of %+v %s: it was %+v, and is %+v, with the spec %+v and the polls %+v",
				after.Name, requestOf(after), wrong, before.Status, after.Status, after.Spec, s.callsFor(after))
		}
		l.changed = time.Now()
		l.writes = append(l.writes, l.changed)
	}
	if len(before.Status.Conditions) > 0 && len(after.Status.Conditions) > 0 && before.Status.Conditions[0].Reason != after.Status.Conditions[0].Reason {
		l.flaps = append(l.flaps, time.Now())
	}
	verdict := after.Status.Phase == v1alpha1.PhaseSucceeded || after.Status.Phase == v1alpha1.PhaseFailed
	switch {
	case l.verdict != nil && (after.Status.Phase != l.verdict.Status.Phase || !after.Status.CompletionTime.Equal(l.verdict.Status.CompletionTime)):
		s.Errorf("the verdict of %s was %+v, and is %+v", after.Name, l.verdict.Status, after.Status)
	case l.verdict == nil && verdict:
		if l.verdict = after; !s.follows(after, l.born) {
			s.Errorf("%s of %+v reads %+v; its request is %+v, and was polled %+v",
				after.Name, requestOf(after), after.Status, s.requests[requestOf(after)], s.callsFor(after))
		}
	}
}

// follows reports whether a verdict follows from what the cloud has answered, or from the deadline.
func (s *simulation) follows(task *v1alpha1.CLBTask, born time.Time) bool {
	if task.Status.Conditions[0].Reason == v1alpha1.ReasonDeadlineExceeded {
		deadline := time.Duration(task.Spec.ActiveDeadlineSeconds) * time.Second
		return task.Status.Phase == v1alpha1.PhaseFailed && deadline > 0 && !time.Now().Before(born.Truncate(time.Second).Add(deadline))
	}
	request, known := s.requests[requestOf(task)]
	want := v1alpha1.PhaseSucceeded
	if request.task.Result == clbsim.Failed {
		want = v1alpha1.PhaseFailed
	}
	return known && task.Status.Phase == want && slices.ContainsFunc(s.callsFor(task), func(c clbsim.Call) bool {
		return c.RequestID == task.Status.APIRequestID && c.Code == "" && c.Fault == "" && !request.ends.IsZero() && !c.At.Before(request.ends)
	})
}

// callsFor returns the polls for an object, as far as the cloud knows who sent them.
func (s *simulation) callsFor(task *v1alpha1.CLBTask) []clbsim.Call {
	request, account := requestOf(task), accountOf(task)
	return slices.DeleteFunc(s.sim.CallsFor(request.id), func(c clbsim.Call) bool { // Those of orders have no task ID.
		return request != simulatedName{c.Service, c.Region, c.TaskID, c.DealName} || c.Account != "" && c.Account != account
	})
}

// checkDecided checks liveness: each task reads as its request ended, and is what users want it to be.
func (s *simulation) checkDecided() {
	for _, task := range s.all() {
		request, known := s.requests[requestOf(&task)]
		phase := task.Status.Phase
		if known && request.ends.IsZero() && (phase == v1alpha1.PhaseRunning || task.Status.Conditions[0].Reason == v1alpha1.ReasonDeadlineExceeded) {
			continue
		}
		if !phase.Final() || known && phase == v1alpha1.PhaseUnknown && !slices.ContainsFunc(s.callsFor(&task), func(c clbsim.Call) bool { return c.Fault != "" && c.Code == unknownTask }) {
			s.Errorf("%s of %+v is not decided: %+v; its polls are %+v", task.Name, requestOf(&task), task.Status, s.callsFor(&task))
		}
		if task.Status.ObservedGeneration != task.Generation {
			s.Errorf("the status of %s speaks of generation %d, not of %d", task.Name, task.Status.ObservedGeneration, task.Generation)
		}
		if token := task.Annotations[v1alpha1.AnnotationReconcileRequestedAt]; token != task.Status.LastHandledReconcileAt {
			s.Errorf("%s names the token %q, and not %q", task.Name, task.Status.LastHandledReconcileAt, token)
		}
		if ttl := task.Spec.TTLSecondsAfterFinished; ttl != nil && phase.Final() && time.Since(task.Status.CompletionTime.Time) > time.Duration(*ttl)*time.Second+expiredWithin {
			s.Errorf("the TTL of %s is over: %d s after %v", task.Name, *ttl, task.Status.CompletionTime)
		}
	}
}

// checkCalls checks the quota of each replica, and of all together unless several may have polled.
func (s *simulation) checkCalls() {
	s.seen.Lock()
	defer s.seen.Unlock()
	last := map[[2]string][]time.Time{} // The last arrivals by replica, or none for all, and account.
	for _, call := range s.polls(time.Time{}) {
		if call.Account == "" || call.Client == rival {
			continue
		}
		for _, client := range []string{call.Client, ""} {
			of := [2]string{client, call.Account}
			last[of] = append(last[of], call.At)
			if len(last[of]) <= simulatedSlots {
				continue
			}
			first := last[of][0]
			several := client == "" && s.togetherWithin(first, call.At)
			if took := call.At.Sub(first); took < time.Second && !several {
				s.Errorf("%d calls of %q came within %v, the last one at %v", simulatedSlots+1, of, took, call.At)
			}
			last[of] = last[of][1:]
		}
	}
}

// checkWrites checks calm: no status is written over and over, and events and log lines are few. Two replicas at
// once may have seen different failures, and then write in turn: that is not counted.
func (s *simulation) checkWrites() {
	const most = 40
	s.seen.Lock()
	defer s.seen.Unlock()
	for uid, l := range s.life {
		writes, flaps := s.cluster.StatusWrites(uid)-s.countTogether(l.writes), len(l.flaps)-s.countTogether(l.flaps)
		if writes > most || flaps > most/2 {
			s.Errorf("the status of %s was written %d times, with %d changes of its reason, and says last: %+v", l.last.Name, writes, flaps, l.last.Status)
		}
		if events := len(s.cluster.Events(client.ObjectKeyFromObject(l.last))); events > most {
			s.Errorf("%s has %d events", l.last.Name, events)
		}
	}
	if lines := s.log.count(); lines > 20*len(s.life) {
		s.Errorf("%d log lines for %d objects", lines, len(s.life))
	}
}

// countTogether counts the times at which more than one replica may have run.
func (s *simulation) countTogether(times []time.Time) (count int) {
	for _, at := range times {
		if s.togetherWithin(at, at) {
			count++
		}
	}
	return count
}

// togetherWithin reports whether more than one replica may have run at some time from one to another.
func (s *simulation) togetherWithin(from, to time.Time) bool {
	return slices.ContainsFunc(s.several, func(p period) bool { return from.Before(p.to) && to.After(p.from) })
}
