package lifecycle

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
)

// A failure from before the request was tracked ends nothing.
func TestFailureBeforeTracking(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	failed := func(problem clb.Problem, ago ...time.Duration) (h Health) {
		for _, d := range ago {
			h = h.Observe(Observation{Err: &clb.Error{Problem: problem, Code: "Code"}}, now.Add(-d))
		}
		return h
	}
	for sentence, test := range map[string]struct {
		health  Health
		history History
	}{
		"it is resumed during an outage":                      {failed(clb.ProblemAPIUnreachable, 10*time.Minute, time.Second), History{}},
		"it is resumed while the account is denied":           {failed(clb.ProblemAccessDenied, 10*time.Minute, time.Second), History{}},
		"it is resumed days after one failure":                {failed(clb.ProblemAPIUnavailable, 48*time.Hour), History{}},
		"it was tracked again days after one failure":         {failed(clb.ProblemAPIUnavailable, 48*time.Hour), History{Begun: now.Add(-time.Hour)}},
		"it was tracked again a minute ago, during an outage": {failed(clb.ProblemAPIUnreachable, 10*time.Minute, time.Second), History{Begun: now.Add(-time.Minute)}},
	} {
		t.Run(sentence, func(t *testing.T) {
			started := metav1.NewTime(now.Add(-72 * time.Hour))
			task := &v1alpha1.CLBTask{
				ObjectMeta: metav1.ObjectMeta{Generation: 3, CreationTimestamp: started},
				Spec:       v1alpha1.CLBTaskSpec{RequestID: "r-1", Region: "ap-guangzhou", ActiveDeadlineSeconds: 600},
				Status:     v1alpha1.CLBTaskStatus{Phase: v1alpha1.PhaseSuspended, ObservedGeneration: 2, StartTime: &started},
			}
			d := Policy{}.Decide(task, test.history, test.health, now)
			if d.Status.Phase.Final() || !d.Poll || !d.Expedite {
				t.Errorf("phase %s, poll %v, expedite %v; a last poll has to decide", d.Status.Phase, d.Poll, d.Expedite)
			}
		})
	}
}
