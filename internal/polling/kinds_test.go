package polling

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func kindBucket() *bucket[string] { return newBucket[string](home, 1, (*hazard).solve, 0) }

func TestKinds(t *testing.T) {
	for sentence, test := range map[string]func(t *testing.T, b *bucket[string]){
		"a task of no known kind has the common hazard": func(t *testing.T, b *bucket[string]) {
			if b.kindOf("", 0) != b.common || len(b.kinds) != 0 {
				t.Error("it has one of its own")
			}
		},
		"a kind begins with the common hazard": func(t *testing.T, b *bucket[string]) {
			for range 20 {
				b.common.learn(0, 4*time.Second, 5*time.Second, true)
			}
			b.common.estimate(0)
			k := b.kindOf("CreateListener", 0)
			for band := range bandCount {
				if off := k.rates[band]/b.common.rates[band] - 1; off > 1e-9 || off < -1e-9 {
					t.Errorf("band %d: %v, the common %v", band, k.rates[band], b.common.rates[band])
				}
			}
		},
		"what a kind's answers teach is the kind's, and common": func(t *testing.T, b *bucket[string]) {
			taught, other := b.kindOf("taught", 0), b.kindOf("other", 0)
			for range 20 {
				taught.learn(0, 4*time.Second, 5*time.Second, true)
				other.learn(0, 0, 20*time.Second, false)
			}
			for _, k := range []*kind{b.common, taught, other} {
				k.estimate(0)
			}
			at := bandOf(4.5)
			if !(taught.rates[at] > 2*b.common.rates[at] && b.common.rates[at] > 2*other.rates[at]) {
				t.Errorf("%v, common %v, other %v", taught.rates[at], b.common.rates[at], other.rates[at])
			}
		},
		"beyond a bounded number they share the common one": func(t *testing.T, b *bucket[string]) {
			for i := range 3 * maxKinds {
				if k := b.kindOf(strconv.Itoa(i), 0); (k == b.common) != (i >= maxKinds) {
					t.Errorf("kind %d: common %v", i, k == b.common)
				}
			}
		},
		"one that is in use is not dropped, of the others the one unused for longest": func(t *testing.T, b *bucket[string]) {
			for i := range maxKinds {
				b.kindOf(strconv.Itoa(i), 0)
			}
			b.kinds["7"].leave(2 * time.Second)
			b.kinds["8"].leave(time.Second)
			b.kindOf("new", 3*time.Second)
			if b.kinds["new"] == nil || b.kinds["8"] != nil || b.kinds["7"] == nil || len(b.kinds) != maxKinds {
				t.Errorf("%d are left: 7 %v, 8 %v", len(b.kinds), b.kinds["7"] != nil, b.kinds["8"] != nil)
			}
		},
		"one that is unused for an hour is forgotten": func(t *testing.T, b *bucket[string]) {
			b.kindOf("old", 0).leave(0)
			b.kindOf("young", 0).leave(time.Minute)
			b.kindOf("new", keepIdle+time.Second)
			if b.kinds["old"] != nil || b.kinds["young"] == nil {
				t.Errorf("old %v, young %v", b.kinds["old"] != nil, b.kinds["young"] != nil)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { test(t, kindBucket()) })
	}
}

// A kind that becomes known is used from then on, also in another bucket, and stays.
func TestKindBecomesKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, 1)
		for _, step := range []struct {
			kind, want string
			to         Bucket
		}{{"", "", home}, {"CreateListener", "CreateListener", home}, {"", "CreateListener", home}, {"Other", "CreateListener", Bucket{Host: "other"}}} {
			s.Track(Task[string]{Key: "a", Bucket: home, Kind: step.kind})
			s.Rename(home, step.to, func(string) bool { return true })
			if got := s.entries["a"].kind.name; got != step.want {
				t.Errorf("tracked as %q it is of kind %q, want %q", step.kind, got, step.want)
			}
			s.verify(t, true)
		}
	})
}

// FuzzKinds lets tasks of kinds stand in line whose durations are learned from any answers.
// However wrong that is, each is polled within longestEvery turns for each task, and no bucket
// has more kinds than it may.
func FuzzKinds(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 200, 201, 202, 90, 91, 17})
	f.Add([]byte{255, 254, 253, 0, 0, 0, 128, 64, 32, 16, 8})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 60 {
			t.Skip("longer ones find nothing that short ones do not")
		}
		b := kindBucket()
		now, stuck := time.Hour, map[*entry[string]]bool{}
		l := &b.tenants.of("").lines
		for i, code := range script {
			k := b.kindOf(fmt.Sprint(code, i%3), now)
			age := time.Duration(code) * time.Second
			for range code {
				k.learn(now, age/2, age, code%2 == 0)
			}
			k.estimate(now)
			e := &entry[string]{key: "stuck", kind: k, born: now - age, answered: now - age/4}
			stuck[e] = true
			l.put(e, now)
		}
		for turn := 0; len(stuck) > 0; turn++ {
			if turn > longestEvery*(len(script)+1) {
				t.Fatalf("%d tasks are not polled in %d turns", len(stuck), turn)
			}
			now += Window / MaxSlots
			young := &entry[string]{key: "young", kind: b.kindOf("young", now), born: now - 2*time.Second, answered: now - time.Second}
			young.kind.learn(now, time.Second, 2*time.Second, true)
			l.put(young, now)
			best := l.next(now)
			l.turns++
			delete(stuck, best)
			if best != young {
				l.take(young)
			}
		}
		if len(b.kinds) > maxKinds || l.count != 0 || l.first != nil || l.last != nil {
			t.Errorf("%d kinds, %d tasks are left", len(b.kinds), l.count)
		}
	})
}
