package clbsim

import "time"

// AccountStats counts the verified calls of an account.
type AccountStats struct {
	// Arrivals counts the calls, throttled ones included.
	Arrivals int `json:"arrivals"`
	// Throttled counts the calls that the quota refused.
	Throttled int `json:"throttled"`
	// Peak is the largest number of arrivals at one host in any second.
	Peak int `json:"peak"`
}

type bucketKey struct {
	account, host string
	action        action
}

// bucket has the arrivals of the last second, oldest first.
type bucket struct {
	all    []time.Time
	passed []time.Time // Those that the quota let pass.
}

// arrive counts an arrival. It reports whether it passes, and how many arrivals
// its second has, refused ones included: the number in the real gateway's text.
func (s *Simulator) arrive(key bucketKey, now time.Time) (passes bool, inSecond int) {
	b, ok := s.buckets[key]
	if !ok {
		b = new(bucket)
		s.buckets[key] = b
	}
	b.all = append(inLastSecond(b.all, now), now)
	b.passed = inLastSecond(b.passed, now)
	passes = len(b.passed) < s.config.RequestsPerSecond
	stats := s.accounts[key.account]
	if passes {
		b.passed = append(b.passed, now)
	} else {
		stats.Throttled++
	}
	stats.Arrivals++
	stats.Peak = max(stats.Peak, len(b.all))
	s.accounts[key.account] = stats
	return passes, len(b.all)
}

// inLastSecond drops the times that are a second or more before now.
func inLastSecond(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= time.Second {
		times = times[1:]
	}
	return times
}
