package bound

import (
	"math"
	"math/rand/v2"
	"time"
)

// Longest is how long a task lasts at most.
const Longest = time.Minute

// Kind is tasks whose durations are distributed log-normally, cut off at Longest.
type Kind struct {
	Share         float64 // Of all tasks.
	Median, Sigma float64 // Seconds; of the logarithm.
}

// The kinds that tests and benchmarks judge by.
var (
	OneKind   = []Kind{{1, 4, 0.8}}
	FiveKinds = []Kind{{0.5, 1.5, 0.3}, {0.1, 2, 0.3}, {0.2, 3, 0.3}, {0.1, 10, 0.3}, {0.1, 20, 0.3}}
)

// Draw draws a task: which of the kinds it is of, and how long it lasts.
func Draw(rng *rand.Rand, kinds []Kind) (kind int, lasts time.Duration) {
	for left := rng.Float64() - kinds[0].Share; left >= 0 && kind < len(kinds)-1; left -= kinds[kind].Share {
		kind++
	}
	k := kinds[kind]
	seconds := min(k.Median*math.Exp(k.Sigma*rng.NormFloat64()), longest)
	return kind, time.Duration(seconds * float64(time.Second))
}
