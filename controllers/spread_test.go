package controllers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// TestSpreadRate lets two regions fail at once, each of which has
// tasks for several seconds of writes.
func TestSpreadRate(t *testing.T) {
	t.Parallel()
	const each = 200
	inBubble(t, func(b *bubble) {
		b.cloud.host = func(region string) string { return region + ".example" }
		b.operate()
		for i := range each {
			for _, region := range []string{"ap-guangzhou", "ap-beijing"} {
				id := fmt.Sprint(region, "-", i)
				b.cloud.add(id, -1)
				b.apply(id, inRegion(region))
			}
		}
		b.wait(2 * time.Minute)
		before := len(b.cluster.Requests())
		b.cloud.setFault(always(clb.ProblemAPIUnreachable))
		b.wait(time.Minute)
		var writes []time.Time
		for _, request := range b.cluster.Requests()[before:] {
			if request.Verb == "patch" {
				writes = append(writes, request.Time)
			}
		}
		most := 0
		for i, first := 0, 0; i < len(writes); i++ {
			for writes[i].Sub(writes[first]) >= time.Second {
				first++
			}
			most = max(most, i-first+1)
		}
		// Beside the rate, polls enqueue what they find to have changed.
		if most > 120 || len(writes) < 2*each {
			b.Errorf("%d writes, at most %d within a second", len(writes), most)
		}
		b.reads("ap-beijing-0", matrix.RunningWith("APIUnreachable"))
		b.reads(fmt.Sprint("ap-guangzhou-", each-1), matrix.RunningWith("APIUnreachable"))
	})
}
