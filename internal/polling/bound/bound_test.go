package bound

import (
	"fmt"
	"math"
	"testing"
)

// The bounds at 19.6 calls a second, as an independent program computed them, with a round
// trip of 20 ms. It takes the nearer side of a jump in the polls, so it may be a hundredth off.
func TestLatency(t *testing.T) {
	rates := []float64{2, 5, 10, 15}
	for sentence, test := range map[string]struct {
		kinds []Kind
		known bool
		want  [4]float64
	}{
		"one kind":              {OneKind, true, [4]float64{0.28, 0.75, 1.82, 4.04}},
		"five kinds, not known": {FiveKinds, false, [4]float64{0.20, 0.52, 1.33, 3.41}},
		"five kinds, known":     {FiveKinds, true, [4]float64{0.12, 0.26, 0.58, 1.14}},
	} {
		for i, rate := range rates {
			t.Run(fmt.Sprintf("%s, %g/s", sentence, rate), func(t *testing.T) {
				if got := Latency(test.kinds, test.known, 19.6/rate) + 0.02; math.Abs(got-test.want[i]) > 0.0121 {
					t.Errorf("%.4f s, want %.2f s", got, test.want[i])
				}
			})
		}
	}
}

// The bound falls with the calls, and less and less, since tasks may be polled in two ways.
func TestConvex(t *testing.T) {
	for _, known := range []bool{false, true} {
		var before, at float64 // Of 0.2 and 0.1 fewer calls.
		for calls := 1.2; calls < 5.1; calls += 0.1 {
			after := Latency(FiveKinds, known, calls)
			if before > 0 && (at >= before || at > (before+after)/2+0.01) {
				t.Errorf("%.3f s at %.1f calls, %.3f s and %.3f s at 0.1 fewer and more (known: %t)", at, calls-0.1, before, after, known)
			}
			before, at = at, after
		}
	}
}
