package polling

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// cleanFor lets answers of a busy bucket be clean for some time, and returns how
// many slots it may use then.
func cleanFor(l *limit, now *time.Duration, lasting time.Duration) float64 {
	for end := *now + lasting; *now < end; *now += 50 * time.Millisecond {
		l.answered(*now, *now, true)
	}
	return l.slots
}

func TestLimit(t *testing.T) {
	for sentence, test := range map[string]func(t *testing.T, l *limit, now time.Duration){
		"a throttled answer cuts the slots": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 20, 0)
			if l.slots != 20*keepShare || l.whole() != 11 {
				t.Errorf("%v slots", l.slots)
			}
		},
		"it cuts as much if few slots were in use": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 1, 0)
			if l.slots != 20*keepShare {
				t.Errorf("%v slots", l.slots)
			}
		},
		"the throttled answers of one burst cut once": func(t *testing.T, l *limit, now time.Duration) {
			for i := range time.Duration(8) {
				l.throttled(now+i, now-time.Second, 16, 0)
			}
			if l.slots != 20*keepShare {
				t.Errorf("%v slots", l.slots)
			}
			l.throttled(now+Window, now+Window/2, 8, 0)
			if math.Abs(l.slots-20*keepShare*keepShare) > 1e-9 {
				t.Errorf("%v slots after another burst", l.slots)
			}
		},
		"they grow back to where it was throttled, stay near it for long, and then grow ever faster": func(t *testing.T, l *limit, now time.Duration) {
			l.slots = 10
			l.throttled(now, now, 10, 0)
			back := time.Duration(math.Cbrt(10*(1-keepShare)/cubic) * float64(time.Second))
			var gains []float64
			for before := l.slots; before < 20; before = l.slots {
				gains = append(gains, cleanFor(l, &now, back/4)-before)
				if after := time.Duration(len(gains)) * back / 4; (l.slots >= 9.99) != (after >= back) {
					t.Errorf("%.2f slots after %v, want 10 after %v", l.slots, after, back)
				}
			}
			if gains[0] < 4*gains[3] || gains[len(gains)-2] < 4*gains[3] {
				t.Errorf("they grow by %.2f", gains)
			}
			if l.slots != 20 || len(gains) > 12 {
				t.Errorf("%v slots after %d quarters of %v", l.slots, len(gains), back)
			}
		},
		"few slots grow by no less than linear": func(t *testing.T, l *limit, now time.Duration) {
			l.slots = 1
			l.throttled(now, now, 1, 0)
			if got, want := cleanFor(l, &now, 10*time.Second), 1+10*linear; math.Abs(got-want) > linear {
				t.Errorf("%.2f slots, want %.2f", got, want)
			}
		},
		"answers of a bucket with idle slots say nothing about more": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 12, 0)
			before := l.slots
			for at := now; at < now+1000*Window; at += Window {
				l.answered(at, at, false)
			}
			if l.slots != before {
				t.Errorf("%v slots", l.slots)
			}
		},
		"throttled at one slot it rests, twice as long each time, until an answer is clean": func(t *testing.T, l *limit, now time.Duration) {
			at := now
			l.slots = 1
			for _, want := range []float64{1, 2, 4, 8, 10, 10} {
				l.throttled(at, at, 1, 0)
				if got := l.resumes - at; got.Seconds() != want || l.slots != 1 {
					t.Errorf("it rests for %v with %v slots, want %v s with 1", got, l.slots, want)
				}
				at = l.resumes
			}
			l.answered(at, at, true)
			for _, want := range []time.Duration{0, Window} { // The first one takes back what the answer gave.
				at++
				l.throttled(at, at, 1, 0)
				if got := max(l.resumes-at, 0); got != want || l.slots != 1 {
					t.Errorf("it rests for %v with %v slots, want %v with 1", got, l.slots, want)
				}
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLimit(20)
			test(t, &l, time.Hour)
		})
	}
}

// Throttled answers reach as far as they say.
func TestThrottledScope(t *testing.T) {
	for sentence, test := range map[string]struct {
		outcome Outcome
		want    map[Bucket]int
	}{
		"this bucket alone":           {Throttled, map[Bucket]int{{"a", "1"}: 5, {"b", "1"}: 8, {"a", "2"}: 8}},
		"every host of the account":   {ThrottledAccount, map[Bucket]int{{"a", "1"}: 5, {"b", "1"}: 5, {"a", "2"}: 8}},
		"every bucket of the process": {ThrottledProcess, map[Bucket]int{{"a", "1"}: 5, {"b", "1"}: 5, {"a", "2"}: 5}},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, got := start(t, 8)
				turns := map[Bucket]*Turn[string]{}
				for b := range test.want {
					s.Track(Task[string]{Key: b.Host + b.Account, Bucket: b})
					g := got.next(t)
					turns[g.turn.entry.lane.gate.bucket.name] = g.turn
				}
				turns[Bucket{"a", "1"}].Return(test.outcome, 0)
				for b, want := range test.want {
					if slots := s.buckets[b].limit.whole(); slots != want {
						t.Errorf("%v may use %d slots, want %d", b, slots, want)
					}
				}
			})
		})
	}
}
