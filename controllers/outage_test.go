package controllers_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

// A failure costs no more than it has to, and only those that it is about.

// arrivals adds tasks at a rate a second, with the durations of the benchmarks, and
// waits until all have ended and some time more. It returns how late each verdict
// was, and math.MaxInt64 for none.
func (b *bubble) arrivals(prefix string, tasks int, rate float64, vary ...func(*v1alpha1.CLBTask)) []time.Duration {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	ends := map[string]time.Time{}
	for i := range tasks {
		id := fmt.Sprint(prefix, "-", i)
		lasts := min(time.Duration(4*math.Exp(0.8*random.NormFloat64())*float64(time.Second)), time.Minute)
		b.cloud.add(id, lasts)
		ends[id] = time.Now().Add(lasts)
		b.apply(id, vary...)
		if rate > 0 {
			b.wait(time.Duration(random.ExpFloat64() / rate * float64(time.Second)))
		}
	}
	b.wait(90 * time.Second)
	return b.late(ends)
}

// late returns how late the verdicts of some tasks were, in order; at least as late as
// the second in which the status says so began.
func (b *bubble) late(ends map[string]time.Time) []time.Duration {
	b.Helper()
	var all []time.Duration
	for _, task := range b.all() {
		end, ok := ends[task.Name]
		switch {
		case !ok:
		case task.Status.Phase != v1alpha1.PhaseSucceeded:
			all = append(all, math.MaxInt64)
		default:
			polls := b.cloud.polled(task.Spec.RequestID)
			all = append(all, max(polls[len(polls)-1].at.Sub(end), 0))
		}
	}
	slices.Sort(all)
	return all
}

func mean(all []time.Duration) time.Duration {
	var sum float64
	for _, d := range all {
		sum += float64(d)
	}
	return time.Duration(sum / float64(len(all)))
}

func p99(all []time.Duration) time.Duration { return all[len(all)*99/100] }

// slowest returns the mean of the slowest tenth: of few tasks, p99 is chance.
func slowest(all []time.Duration) time.Duration { return mean(all[len(all)*9/10:]) }

// half fails every second poll at random.
func half(p clb.Problem) func(clb.TaskQuery) *clb.Error {
	random := rand.New(rand.NewPCG(3, 4))
	return func(clb.TaskQuery) *clb.Error {
		if random.IntN(2) == 0 {
			return problem(p)
		}
		return nil
	}
}

func TestEverySecondPollFails(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	for _, p := range []clb.Problem{clb.ProblemAPIUnavailable, clb.ProblemUnexpectedAnswer} {
		t.Run(fmt.Sprint(p, " at random, while five tasks a second begin"), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.cloud.setFault(half(p))
				late := b.arrivals("task", 400, 5)
				b.Logf("mean %v, p99 %v, worst %v", mean(late), p99(late), late[len(late)-1])
				if mean(late) > 2500*time.Millisecond || p99(late) > 8*time.Second || late[len(late)-1] == math.MaxInt64 {
					b.Errorf("mean %v, p99 %v, worst %v", mean(late), p99(late), late[len(late)-1])
				}
			})
		})
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	for p, probes := range map[clb.Problem]time.Duration{
		clb.ProblemAPIUnreachable:     time.Second,
		clb.ProblemAPIUnavailable:     time.Second,
		clb.ProblemAccessDenied:       8 * time.Second,
		clb.ProblemCredentialsMissing: 8 * time.Second,
	} {
		t.Run(fmt.Sprint("after an hour of ", p, " all tasks are polled within a second of the first answer"), func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				b.cloud.setFault(always(p))
				for i := range 15 {
					id := fmt.Sprint("task-", i)
					b.cloud.add(id, time.Minute)
					b.apply(id, inRegion([]string{"ap-guangzhou", "ap-beijing"}[i%2]))
				}
				b.wait(time.Hour)
				during := len(b.cloud.polled(""))
				if most := int(2*time.Hour/probes) + 60; during > most {
					b.Errorf("%d polls in an hour of two regions", during)
				}
				b.cloud.setFault(nil)
				b.wait(probes + time.Second)
				after := b.cloud.polled("")[during:]
				if len(after) == 0 {
					b.Fatalf("no poll within %v", probes)
				}
				b.wait(time.Second)
				for _, task := range b.all() {
					polls := b.cloud.polled(task.Name)
					if gap := polls[len(polls)-1].at.Sub(after[0].at); polls[len(polls)-1].at.Before(after[0].at) || gap > 2*time.Second {
						b.Errorf("%s was polled %v after the first answer", task.Name, gap)
					}
					if matrix.Row(task.Status) != matrix.Succeeded {
						b.Errorf("%s reads %s", task.Name, matrix.Row(task.Status))
					}
				}
			})
		})
	}
}

func TestProblemsAreShownAndEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.operate()
		b.goOn(300)
		b.wait(time.Minute)
		b.cloud.setFault(always(clb.ProblemAPIUnreachable))
		b.wait(5 * time.Second)
		b.reads("task-0", matrix.Running)
		b.wait(15 * time.Second)
		for _, task := range b.all() {
			if matrix.Row(task.Status) != matrix.RunningWith("APIUnreachable") {
				b.Fatalf("%s reads %s, whether or not it was polled meanwhile", task.Name, matrix.Row(task.Status))
			}
		}
		b.cloud.setFault(nil)
		b.wait(30 * time.Second)
		for _, task := range b.all() {
			if matrix.Row(task.Status) != matrix.Running {
				b.Fatalf("%s reads %s", task.Name, matrix.Row(task.Status))
			}
		}
	})
}

// A region that fails slows no other.
func TestFailingRegion(t *testing.T) {
	t.Parallel()
	skipStatistics(t)
	lateWith := func(t *testing.T, fault func(clb.TaskQuery) *clb.Error) (late []time.Duration) {
		inBubble(t, func(b *bubble) {
			b.operate()
			b.cloud.setFault(fault)
			random := rand.New(rand.NewPCG(1, 2))
			ends := map[string]time.Time{}
			for i := range 300 {
				id := fmt.Sprint("task-", i)
				b.cloud.add(id, 5*time.Second)
				ends[id] = time.Now().Add(5 * time.Second)
				b.apply(id, inRegion("ap-beijing"))
				b.cloud.add("other-"+id, 5*time.Second)
				b.apply("other-"+id, inRegion("ap-guangzhou"))
				b.wait(time.Duration(random.ExpFloat64() / 5 * float64(time.Second)))
			}
			b.wait(time.Minute)
			late = b.late(ends)
		})
		return late
	}
	without := lateWith(t, nil)
	with := lateWith(t, func(q clb.TaskQuery) *clb.Error {
		if q.Region == "ap-guangzhou" {
			return problem(clb.ProblemAPIUnavailable)
		}
		return nil
	})
	t.Logf("mean %v, slowest tenth %v with a region that fails; %v, %v without", mean(with), slowest(with), mean(without), slowest(without))
	if mean(with) > mean(without)*11/10+50*time.Millisecond || slowest(with) > slowest(without)*3/2 {
		t.Error("a region that fails slows another")
	}
}

func TestInventedRegions(t *testing.T) {
	skipStatistics(t)
	const invented = 2000
	inBubble(t, func(b *bubble) {
		b.operate()
		b.wait(2 * time.Second)
		b.cloud.setFault(func(q clb.TaskQuery) *clb.Error {
			if strings.HasPrefix(q.Region, "xx-") {
				return problem(clb.ProblemInvalidRegion)
			}
			return nil
		})
		for i := range invented {
			b.apply(fmt.Sprint("odd-", i), in("odd"), inRegion(fmt.Sprintf("xx-%05d-fsi", i)))
		}
		b.wait(10 * time.Second)
		late := b.arrivals("task", 50, 2)
		b.Logf("mean %v, worst %v", mean(late), late[len(late)-1])
		if mean(late) > 1500*time.Millisecond || late[len(late)-1] > 10*time.Second {
			b.Errorf("tasks of another namespace: mean %v, worst %v", mean(late), late[len(late)-1])
		}
		if most := runtime.NumGoroutine(); most > 1000 {
			b.Errorf("%d goroutines", most)
		}
		if b.cloud.most > 20 {
			b.Errorf("%d polls out at once", b.cloud.most)
		}
		families, err := metrics.Registry.Gather()
		if err != nil {
			b.Fatal(err)
		}
		for _, family := range families {
			if strings.HasPrefix(family.GetName(), "clbtask_") && strings.Contains(family.String(), "xx-0") {
				b.Errorf("%s has a region that a user has invented", family.GetName())
			}
		}
	})
}
