package clbsim

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNamed(t *testing.T) {
	for id, want := range map[string]Task{
		"sim-succeeds-8s":          {Result: Succeeded, Duration: 8 * time.Second, LoadBalancerIDs: []string{"lb-simulated"}},
		"sim-succeeds-0s-web-lb-2": {Result: Succeeded, LoadBalancerIDs: []string{"lb-simulated"}},
		"sim-fails-1m30s-web":      {Result: Failed, Duration: 90 * time.Second, Message: "This failure is simulated."},
		"sim-never":                {Result: Stuck},
		"sim-never-mind":           {Result: Stuck},
	} {
		t.Run(id, func(t *testing.T) {
			want.ID, want.FromFirstPoll = id, true
			if got, ok := named(id); !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("the task is %+v, %v", got, ok)
			}
		})
	}
	for sentence, id := range map[string]string{
		"an ID of the cloud is none":  "55c85074-3e7f-4c6d-864f-673660d4f8de",
		"the prefix alone is none":    "sim",
		"it says how it ends":         "sim-stops-8s",
		"it says when it ends":        "sim-succeeds",
		"a duration has a unit":       "sim-succeeds-8",
		"a duration is not negative":  "sim-fails--8s",
		"another prefix is not meant": "simulated-succeeds-8s",
	} {
		t.Run(sentence, func(t *testing.T) {
			if got, ok := named(id); ok {
				t.Errorf("%s is %+v", id, got)
			}
		})
	}
}

// It is known by its ID alone, and every reply says that it is no cloud's.
func TestNamedTask(t *testing.T) {
	s, now := newTestSimulator(Config{})
	for _, want := range []int{statusRunning, statusRunning, statusSucceeded} {
		got := poll(t, s, "sim-succeeds-8s")
		if got.Status == nil || *got.Status != want || !strings.HasPrefix(got.RequestID, "simulated-") {
			t.Errorf("at %v the reply is %s, want the status %d", now, got.text, want)
		}
		*now = now.Add(4 * time.Second)
	}
}
