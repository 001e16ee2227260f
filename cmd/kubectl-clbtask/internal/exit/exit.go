// Package exit has the exit codes of the plugin. Scripts depend on them: they never change.
package exit

import "slices"

// Code is an exit code.
type Code int

// The codes. Those of a task's end are small; the others are those of timeout(1) and of a
// shell that ends by SIGINT.
const (
	Succeeded   Code = 0
	Failed      Code = 1   // The cloud says so, or the deadline of the task passed.
	Unknown     Code = 2   // The cloud cannot say.
	NotFoundOut Code = 3   // Wrong usage, no access, no CRD, a task that is deleted or suspended.
	TimedOut    Code = 124 // The time is over, and the task goes on.
	Interrupted Code = 130
)

// precedence has the codes of which the first decides.
var precedence = []Code{Interrupted, Failed, Unknown, NotFoundOut, TimedOut}

// Of returns the code for several tasks: that of the worst.
func Of(codes ...Code) Code {
	for _, code := range precedence {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return Succeeded
}
