package controllers

import (
	"fmt"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling"
)

// Options are what the operator's flags say about the controller.
type Options struct {
	// Slots are the requests a second in each quota bucket.
	Slots int
	// Policy is how answers are judged.
	Policy Policy
	// Now is the clock; time.Now in production.
	Now func() time.Time
}

// Validate says which flag is out of range, and what to give instead.
func (o Options) Validate() error {
	if o.Slots < 1 || o.Slots > polling.MaxSlots {
		return fmt.Errorf("--clb-requests-per-second is %d: give a number from 1 to %d, the API's own limit", o.Slots, polling.MaxSlots)
	}
	if o.Policy.NotFoundGrace < 0 {
		return fmt.Errorf("--clb-not-found-grace is %v: give zero or more, such as 2m", o.Policy.NotFoundGrace)
	}
	return nil
}
