package polling

import (
	"testing"
	"testing/synctest"
	"time"
)

// Nothing is granted in the first second since a former process may just have called.
func TestFirstSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(grants, 10)
		s, err := New(5, func(key string, turn *Turn[string]) { got <- granted{key, turn, time.Now()} })
		if err != nil {
			t.Fatal(err)
		}
		track(s, "a")
		got.none(t, "before the start")
		s.Start()
		defer s.Stop()
		begun := time.Now()
		if g := got.next(t); g.at.Sub(begun) != Window {
			t.Errorf("granted %v after the start", g.at.Sub(begun))
		}
	})
}

// Slots outside the quota are refused.
func TestSlots(t *testing.T) {
	for _, slots := range []int{-1, 0, MaxSlots + 1} {
		if _, err := New(slots, func(string, *Turn[string]) {}); err == nil {
			t.Errorf("%d slots were accepted", slots)
		}
	}
}
