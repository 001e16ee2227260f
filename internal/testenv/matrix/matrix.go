// Package matrix has the rows of the state matrix: what the status of a CLBTask reads
// in each state that a task can be in. Tests state what they expect in its words.
package matrix

import (
	"fmt"
	"strings"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// The rows of tasks without a problem.
const (
	// Pending is a fresh task, or one that was resumed and not answered since.
	Pending   = "Pending Ready=False/Pending Succeeded=Unknown/Pending"
	Running   = "Running Ready=False/InProgress Succeeded=Unknown/InProgress Running=True/InProgress Reconciling=True/InProgress"
	Suspended = "Suspended Ready=False/Suspended Succeeded=Unknown/Suspended"
	Succeeded = "Succeeded Ready=True/TaskSucceeded Succeeded=True/TaskSucceeded done"
	Failed    = "Failed Ready=False/TaskFailed Succeeded=False/TaskFailed Failed=True/TaskFailed Stalled=True/TaskFailed done"
	// Expired is a task that failed at its deadline.
	Expired = "Failed Ready=False/DeadlineExceeded Succeeded=False/DeadlineExceeded Failed=True/DeadlineExceeded Stalled=True/DeadlineExceeded done"
)

// PendingWith is a lasting problem of a task that was never answered.
func PendingWith[S ~string](reason S) string {
	return fmt.Sprintf("Pending Ready=False/%[1]s Succeeded=Unknown/%[1]s Reconciling=True/%[1]s", reason)
}

// RunningWith is a lasting problem of a task that was last in progress.
func RunningWith[S ~string](reason S) string {
	return fmt.Sprintf("Running Ready=False/%[1]s Succeeded=Unknown/%[1]s Running=True/InProgress Reconciling=True/%[1]s", reason)
}

// UnknownWith is a task that ended without a verdict.
func UnknownWith[S ~string](reason S) string {
	return fmt.Sprintf("Unknown Ready=False/%[1]s Succeeded=Unknown/%[1]s Stalled=True/%[1]s done", reason)
}

// Row returns the row that a status reads: the phase, each condition as
// type=status/reason in the order of the list, and done if it has a completion time.
func Row(status v1alpha1.CLBTaskStatus) string {
	cells := []string{string(status.Phase)}
	for _, c := range status.Conditions {
		cells = append(cells, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	if status.CompletionTime != nil {
		cells = append(cells, "done")
	}
	return strings.Join(cells, " ")
}
