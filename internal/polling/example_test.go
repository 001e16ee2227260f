package polling_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/clbtask/clbtask-operator/internal/polling"
)

// A task is polled until it has finished, at most as often as the quota allows.
func Example() {
	var finished sync.WaitGroup
	polls := map[string]int{}
	scheduler, err := polling.New(1, func(task string, turn *polling.Turn[string]) {
		// Make the one call here. With one slot no other runs at the same time.
		outcome := polling.InProgress
		polls[task]++
		if polls[task] == 2 {
			outcome = polling.Finished
		}
		turn.Return(outcome, 0)
		if outcome == polling.Finished {
			finished.Done()
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	bucket := polling.Bucket{Host: "clb.example.com", Account: "shop"}
	finished.Add(2)
	scheduler.Track(polling.Task[string]{Key: "create-listener", Bucket: bucket, Tenant: "team-a"})
	scheduler.Track(polling.Task[string]{Key: "bind-backends", Bucket: bucket, Tenant: "team-b"})
	begun := time.Now()
	scheduler.Start()
	finished.Wait()
	scheduler.Stop()
	fmt.Println(polls)
	fmt.Println("four calls, a second apart:", time.Since(begun) > 4*polling.Window)
	// Output:
	// map[bind-backends:2 create-listener:2]
	// four calls, a second apart: true
}
