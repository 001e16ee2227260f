package bound

import (
	"fmt"
	"math"
	"testing"
)

// The bounds at 19.6 calls a second, as an independent program computed them, with a round
// trip of 20 ms.
func TestLatency(t *testing.T) {
	one := []Kind{{1, 4, 0.8}}
	five := []Kind{{0.5, 1.5, 0.3}, {0.1, 2, 0.3}, {0.2, 3, 0.3}, {0.1, 10, 0.3}, {0.1, 20, 0.3}}
	rates := []float64{2, 5, 10, 15}
	for sentence, test := range map[string]struct {
		kinds []Kind
		known bool
		want  [4]float64
	}{
		"one kind":              {one, true, [4]float64{0.28, 0.75, 1.82, 4.04}},
		"five kinds, not known": {five, false, [4]float64{0.20, 0.52, 1.33, 3.41}},
		"five kinds, known":     {five, true, [4]float64{0.12, 0.26, 0.58, 1.14}},
	} {
		for i, rate := range rates {
			t.Run(fmt.Sprintf("%s, %g/s", sentence, rate), func(t *testing.T) {
				if got := Latency(test.kinds, test.known, 19.6/rate) + 0.02; math.Abs(got-test.want[i]) > 0.0051 {
					t.Errorf("%.4f s, want %.2f s", got, test.want[i])
				}
			})
		}
	}
}
