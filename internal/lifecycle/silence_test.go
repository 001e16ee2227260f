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
