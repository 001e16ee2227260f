package polling

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// FuzzScheduler plays any sequence of operations and looks after each whether
// everything fits together, no slot is idle, and no forgotten task gets a turn.
func FuzzScheduler(f *testing.F) {
	f.Add([]byte{0, 1, 2, 100, 3, 101, 4, 102, 250, 5})
	f.Add([]byte{10, 11, 12, 13, 240, 120, 121, 122, 123, 240, 140, 141, 10, 11, 250, 200, 201})
	f.Add([]byte{40, 41, 42, 60, 61, 62, 80, 81, 240, 100, 160, 161, 162, 250, 251, 240, 40})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			t.Skip("long scripts find nothing that short ones do not")
		}
		synctest.Test(t, func(t *testing.T) { play(t, script) })
	})
}

func play(t *testing.T, script []byte) {
	held := make(chan granted, 1000)
	s, err := New(3, func(key string, turn *Turn[string]) { held <- granted{key, turn, time.Now()} })
	if err != nil {
		t.Fatal(err)
	}
	s.maxOut = 4
	s.Start()
	defer s.Stop()
	known, taken := map[string]bool{}, map[*Turn[string]]bool{}
	for _, b := range script {
		key := string(rune('a' + b%20))
		switch operation := b / 20; operation {
		case 0, 1, 2, 3, 4:
			known[key] = true
			s.Track(Task[string]{
				Key: key, Bucket: Bucket{Host: string(rune('0' + operation%2))}, Region: string(rune('x' + b%3)),
				Tenant: string(rune('A' + operation%3)), Kind: strings.Repeat("k", int(b%4)), Age: time.Duration(b) * time.Second, Polled: operation == 3,
			})
		case 5, 6, 7:
			select {
			case g := <-held:
				g.turn.Return(Outcome(b)%(Unused+1), time.Duration(b%4)*time.Second)
			default:
			}
		case 8:
			if b%2 == 0 {
				s.Forgive(key)
			}
			s.Expedite(key)
		case 9:
			delete(known, key)
			s.Forget(key)
		case 10:
			pass(time.Duration(b%20) * 10 * time.Millisecond)
		case 11:
			pass(time.Duration(b%20) * time.Second)
		default:
			s.Stop()
			s.verify(t, false)
			s.Start()
		}
		synctest.Wait()
		s.verify(t, true)
		for range len(held) {
			h := <-held
			if !known[h.key] && !taken[h.turn] {
				t.Fatalf("%s got a turn after it was forgotten", h.key)
			}
			taken[h.turn] = true
			held <- h
		}
	}
}
