package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// trouble is one way in which a source yields no key that works.
type trouble struct {
	// breaks lets it begin; if it is late, before the operator starts. mends ends it.
	breaks, mends func(a *account)
	late          bool
	// reason is that of the conditions, and says what their text must have.
	reason string
	says   []string
}

// origin is a source, and its troubles by sentence.
type origin struct {
	options credentials.Options
	secret  bool // The key is that of each object's Secret.
	// restarts says that the operator must be started again to use another key.
	restarts bool
	sets     func(a *account) // What works.
	troubles map[string]trouble
}

// refuse lets an action be refused with a code, until faults are cleared.
func (a *account) refuse(action, code string) {
	a.sim.AddFault(clbsim.Fault{Kind: clbsim.ErrorCode, Code: code, Message: "no", Match: func(c clbsim.Call) bool { return c.Action == action }})
}

func TestTroubleOfASource(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var rows []string
	t.Cleanup(func() {
		slices.Sort(rows)
		t.Log("source, trouble | reason | text | shown after | over after\n" + strings.Join(rows, "\n"))
	})
	for name, from := range origins() {
		for sentence, test := range from.troubles {
			t.Run(name+" "+sentence, func(t *testing.T) {
				t.Parallel()
				withAccount(t, func(a *account) {
					row := a.suffer(from, test)
					mu.Lock()
					defer mu.Unlock()
					rows = append(rows, name+" "+sentence+" | "+row)
				})
			})
		}
	}
}

// suffer lets a trouble begin and end three times, and measures how long it takes until
// conditions show it, and until polls are answered again.
func (a *account) suffer(from origin, test trouble) (row string) {
	a.Helper()
	vary := func(task *v1alpha1.CLBTask) {
		if from.secret {
			withSecret("theirs")(task)
		}
	}
	if test.late {
		test.breaks(a)
	} else {
		from.sets(a)
	}
	stop := a.start(from.options)
	restart := func() {
		if from.restarts {
			stop()
			stop = a.start(from.options)
		}
	}
	a.follow("running", clbsim.Task{Result: clbsim.Stuck}, vary)
	var shown, mended time.Duration
	for i, lasts := range []time.Duration{time.Minute, 5 * time.Minute, 17 * time.Minute} {
		a.wait(2 * time.Minute)
		if !test.late {
			test.breaks(a)
			restart()
			a.wait(25 * time.Second) // Until a Secret has been read again.
		}
		begun, id := time.Now(), fmt.Sprint("task-", i)
		a.follow(id, clbsim.Task{}, vary)
		for matrix.Row(a.get(id).Status) != matrix.PendingWith(test.reason) && time.Since(begun) < lasts {
			a.wait(time.Second)
		}
		shown = max(shown, time.Since(begun))
		a.reads(id, matrix.PendingWith(test.reason))
		for _, text := range test.says {
			a.says(id, text)
		}
		message := a.get(id).Status.Conditions[0].Message
		a.wait(lasts)
		if now := a.get(id).Status.Conditions[0].Message; now != message || a.cluster.StatusWrites(a.get(id).UID) > 2 {
			a.Errorf("%d writes; it said %q and says %q", a.cluster.StatusWrites(a.get(id).UID), message, now)
		}
		row = test.reason + " | " + strings.ReplaceAll(message, a.directory, "DIRECTORY")
		test.mends(a)
		restart()
		ended := time.Now()
		for matrix.Row(a.get(id).Status) != matrix.Succeeded && time.Since(ended) < time.Minute {
			a.wait(time.Second / 4)
		}
		mended = max(mended, time.Since(ended))
		if test.late {
			break
		}
	}
	if shown > 30*time.Second || mended > 30*time.Second {
		a.Errorf("it was shown after %v, and over after %v", shown, mended)
	}
	a.wait(5 * time.Minute) // Problems that come back are shown longer.
	a.reads("running", matrix.Running)
	return fmt.Sprint(row, " | ", shown, " | ", mended)
}
