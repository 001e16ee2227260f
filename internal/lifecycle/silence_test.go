package lifecycle

import (
	"testing"
	"time"
)

// A series of polls that has ended, such as that of a region whose last task was
// decided, says nothing of a task that comes later.
func TestSilentSeries(t *testing.T) {
	for sentence, failure := range map[string]Observation{"of the region": unreachable, "of the account": denied} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			l.poll(busy)
			for range 60 {
				l.wait(time.Second)
				l.around(failure)
			}
			shown := l.text()
			if shown == inProgressText {
				t.Fatal("it is not shown")
			}
			l.wait(9 * time.Minute)
			l.reconcile()
			if l.text() != shown {
				t.Errorf("after nine minutes it reads %s", l.text())
			}
			l.wait(24 * time.Hour)
			l.reconcile()
			if l.text() != inProgressText {
				t.Errorf("a day later it reads %s", l.text())
			}
			l.around(failure)
			if l.text() != inProgressText {
				t.Errorf("after one more failure it reads %s", l.text())
			}
		})
	}
}

// A task that has not been answered for a minute shows the problem around it. Then a single
// answer is no end of it, whatever was answered beside it before.
func TestSilentBesideProblem(t *testing.T) {
	for sentence, test := range map[string]struct {
		silence time.Duration // Before the last answers.
		answers int
		want    bool // The problem is shown.
	}{
		"after half a minute":                {30 * time.Second, 0, false},
		"after a minute":                     {time.Minute, 0, true},
		"after half a minute and one answer": {30 * time.Second, 1, false},
		"after a minute and one answer":      {time.Minute, 1, true},
		"after a minute and two":             {time.Minute, 2, true},
		"after a minute and three":           {time.Minute, 3, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			l := newLife()
			aroundFor := func(total time.Duration) {
				for range int(total / time.Second) {
					l.wait(time.Second)
					l.around(denied)
				}
			}
			l.poll(busy)
			aroundFor(5 * time.Second)
			for range runLength {
				l.poll(busy)
				l.around(denied)
			}
			if l.text() != inProgressText {
				t.Fatalf("answered three times in a row, it reads %s", l.text())
			}
			aroundFor(test.silence)
			for range test.answers {
				l.poll(busy)
				l.around(denied)
			}
			if got := l.text() != inProgressText; got != test.want {
				t.Errorf("shown: %t, want %t: it reads %s", got, test.want, l.text())
			}
		})
	}
}
