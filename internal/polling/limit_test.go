package polling

import (
	"testing"
	"testing/synctest"
	"time"
)

// cleanFor lets answers of a busy bucket be clean for some time, and returns how
// many slots it may use then.
func cleanFor(l *limit, now *time.Duration, lasting time.Duration) int {
	for end := *now + lasting; *now < end; *now += 50 * time.Millisecond {
		l.clean(*now, *now, true)
	}
	return l.slots
}

func TestLimit(t *testing.T) {
	for sentence, test := range map[string]func(t *testing.T, l *limit, now time.Duration){
		"a throttled answer halves the slots": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 20, 0)
			if l.slots != 10 {
				t.Errorf("%d slots", l.slots)
			}
		},
		"it does so however few were in use: a refused call of a lone task costs the others no more": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 1, 0)
			if l.slots != 10 {
				t.Errorf("%d slots", l.slots)
			}
		},
		"the throttled answers of one burst halve once": func(t *testing.T, l *limit, now time.Duration) {
			for i := range time.Duration(8) {
				l.throttled(now+i, now-time.Second, 16, 0)
			}
			if l.slots != 10 {
				t.Errorf("%d slots", l.slots)
			}
			l.throttled(now+Window, now+Window/2, 8, 0)
			if l.slots != 5 {
				t.Errorf("%d slots after another burst", l.slots)
			}
		},
		"they grow back one each second, to just below where it was throttled": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 16, 0)
			at := now + 1
			for want := 10; want < 15; want++ {
				if l.slots != want {
					t.Fatalf("%d slots, want %d", l.slots, want)
				}
				cleanFor(l, &at, Window+50*time.Millisecond)
			}
			if got := cleanFor(l, &at, 20*time.Second); got != 15 {
				t.Errorf("%d slots", got)
			}
		},
		"beyond that each clean try comes sooner, and is larger": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 12, 0)
			for _, want := range []struct {
				after time.Duration
				slots int
			}{{Window, 11}, {probeAfter, 12}, {probeAfter / 4, 14}, {probeAfter / 16, 18}, {Window, 20}} {
				before, at := l.slots, l.changed
				for l.slots == before {
					at += 10 * time.Millisecond
					l.clean(at, at, true)
				}
				if took := at - now; l.slots != want.slots || took < want.after || took > want.after+10*time.Millisecond {
					t.Errorf("%d slots after %v more, want %d after %v", l.slots, took, want.slots, want.after)
				}
				now = at
			}
		},
		"answers of a bucket with idle slots say nothing about more": func(t *testing.T, l *limit, now time.Duration) {
			l.throttled(now, now, 12, 0)
			for at := now; at < now+1000*Window; at += Window {
				l.clean(at, at, false)
			}
			if l.slots != 10 {
				t.Errorf("%d slots", l.slots)
			}
		},
		"throttled at one slot it rests, twice as long each time, until an answer is clean": func(t *testing.T, l *limit, now time.Duration) {
			at := now
			l.slots = 1
			for _, want := range []float64{1, 2, 4, 8, 10, 10} {
				l.throttled(at, at, 1, 0)
				if got := l.resumes - at; got.Seconds() != want || l.slots != 1 {
					t.Errorf("it rests for %v with %d slots, want %v s with 1", got, l.slots, want)
				}
				at = l.resumes
			}
			l.clean(at, at, true)
			l.throttled(at+1, at+1, 1, 0)
			if l.resumes-at-1 != Window {
				t.Errorf("it rests for %v", l.resumes-at-1)
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
		"this bucket alone":           {Throttled, map[Bucket]int{{"a", "1"}: 4, {"b", "1"}: 8, {"a", "2"}: 8}},
		"every host of the account":   {ThrottledAccount, map[Bucket]int{{"a", "1"}: 4, {"b", "1"}: 4, {"a", "2"}: 8}},
		"every bucket of the process": {ThrottledProcess, map[Bucket]int{{"a", "1"}: 4, {"b", "1"}: 4, {"a", "2"}: 4}},
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
					if slots := s.buckets[b].limit.slots; slots != want {
						t.Errorf("%v may use %d slots, want %d", b, slots, want)
					}
				}
			})
		})
	}
}
