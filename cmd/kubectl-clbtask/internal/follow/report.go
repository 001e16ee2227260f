package follow

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// report says that a task has changed.
func (f *follower) report(task *Task) {
	elapsed := time.Since(f.begun)
	switch {
	case f.Progress.Width == nil, task.Ended && len(f.keys) > 1:
		f.Progress.line(elapsed, task.Name()+": "+task.text())
	default:
		f.Progress.tick(elapsed, f.summary())
	}
}

// expire says why the last state that is known may be old.
func (f *follower) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lastErr != nil {
		f.Progress.line(time.Since(f.begun), f.summary())
	}
}

// tick runs each second.
func (f *follower) tick(context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	elapsed := time.Since(f.begun)
	if !f.reported && elapsed >= unseen {
		for _, key := range f.keys {
			if task := f.tasks[key]; !task.Ended && (!Seen(task.Object) || !f.handled(task.Object)) {
				f.Progress.line(elapsed, task.Name()+": "+noAnswer(task.Object.Namespace))
				f.reported = true
				break
			}
		}
	}
	f.Progress.tick(elapsed, f.summary())
}

// summary says how all tasks stand, in a line.
func (f *follower) summary() string {
	var waiting []string
	var text string
	for _, key := range f.keys {
		task := f.tasks[key]
		text = task.Name() + ": " + task.text()
		if !task.Ended {
			waiting = append(waiting, task.Name())
		}
	}
	if len(f.keys) > 1 {
		text = fmt.Sprintf("%d of %d tasks have ended", len(f.keys)-len(waiting), len(f.keys))
		if len(waiting) > 0 {
			text += "; waiting for " + strings.Join(waiting[:min(3, len(waiting))], ", ")
		}
		if len(waiting) > 3 {
			text += fmt.Sprintf(" and %d more", len(waiting)-3)
		}
	}
	if f.lastErr != nil {
		text += fmt.Sprintf(" (the API server does not answer: %v)", f.lastErr)
	}
	return text
}
