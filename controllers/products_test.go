package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/matrix"
)

func ofDeal(name string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.RequestID, task.Spec.DealName = "", name }
}

func ofGWLB(task *v1alpha1.CLBTask) { task.Spec.Product = v1alpha1.ProductGWLB }

func withAction(action string) func(*v1alpha1.CLBTask) {
	return func(task *v1alpha1.CLBTask) { task.Spec.Action = action }
}

// events returns the events of the object "task", and fails if one was repeated.
func (b *bubble) events() (got []string) {
	b.Helper()
	for _, event := range b.cluster.Events(types.NamespacedName{Namespace: "default", Name: "task"}) {
		got = append(got, event.Type+" "+event.Reason+" "+event.Note)
		if event.Series != nil {
			b.Errorf("the event %s was repeated", event.Reason)
		}
	}
	return got
}

func TestProducts(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		inCloud string // A task that takes three seconds; none if it is empty.
		vary    func(*v1alpha1.CLBTask)
		poll    clb.TaskQuery
		late    string // What it reads in the end.
		says    string
	}{
		"an order is decided":                                             {"deal/d-1", ofDeal("d-1"), clb.TaskQuery{Product: clb.CLB, DealName: "d-1"}, matrix.Succeeded, ""},
		"an order that the API does not know is called one":               {"", ofDeal("d-1"), clb.TaskQuery{Product: clb.CLB, DealName: "d-1"}, matrix.UnknownWith(clb.ProblemTaskNotFound), "deal name d-1"},
		"a request of gwlb is decided":                                    {"gwlb/task", ofGWLB, clb.TaskQuery{Product: clb.GWLB, TaskID: "task"}, matrix.Succeeded, ""},
		"a request of gwlb that the API does not know ends as one of clb": {"", ofGWLB, clb.TaskQuery{Product: clb.GWLB, TaskID: "task"}, matrix.UnknownWith(clb.ProblemTaskNotFound), "The GWLB API does not know request ID task"},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				b.operate()
				soon := matrix.Succeeded
				if test.inCloud != "" {
					b.cloud.add(test.inCloud, 3*time.Second)
				} else {
					soon = matrix.PendingWith(clb.ProblemTaskNotFound)
				}
				b.apply("task", test.vary)
				b.wait(time.Minute)
				b.reads("task", soon)
				b.says("task", test.says)
				b.wait(5 * time.Minute)
				b.reads("task", test.late)
				b.says("task", test.says)
				for _, p := range b.cloud.polled("") {
					if p.Product != test.poll.Product || p.TaskID != test.poll.TaskID || p.DealName != test.poll.DealName || p.Region != region {
						b.Errorf("polled: %+v", p.TaskQuery)
					}
				}
			})
		})
	}
}

func TestRequestsOfOneID(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]func(b *bubble){
		"an absent product is clb: both are one request": func(b *bubble) {
			b.operate()
			b.cloud.add("request", 0)
			b.cloud.latency = time.Second
			b.apply("one", ofRequest)
			b.apply("two", ofRequest, func(task *v1alpha1.CLBTask) { task.Spec.Product = v1alpha1.ProductCLB })
			b.wait(5 * time.Second)
			b.reads("one", matrix.Succeeded)
			b.reads("two", matrix.Succeeded)
			if polls := len(b.cloud.polled("")); polls != 1 {
				b.Errorf("%d polls", polls)
			}
		},
		"one ID in two products, and as the name of an order, is three requests": func(b *bubble) {
			b.operate()
			b.cloud.add("request", 0)
			b.cloud.fail("gwlb/request", "no room")
			b.cloud.add("deal/request", -1)
			b.apply("clb", ofRequest)
			b.apply("gwlb", ofRequest, ofGWLB)
			b.apply("deal", ofDeal("request"))
			b.wait(10 * time.Second)
			b.reads("clb", matrix.Succeeded)
			b.reads("gwlb", matrix.Failed)
			b.reads("deal", matrix.Running)
		},
		"the last one of each is polled no more, even if others have the same ID": func(b *bubble) {
			b.operate()
			for name, vary := range map[string]func(*v1alpha1.CLBTask){
				"request": ofRequest, "gwlb/request": func(task *v1alpha1.CLBTask) { ofRequest(task); ofGWLB(task) }, "deal/request": ofDeal("request"), "deal/other": ofDeal("other"),
			} {
				b.cloud.add(name, -1)
				b.apply(strings.ReplaceAll(name, "/", "-"), vary)
			}
			b.wait(10 * time.Second)
			b.delete("request")
			b.delete("deal-request")
			b.wait(time.Second)
			polls := map[string]int{}
			for _, name := range []string{"request", "gwlb/request", "deal/request", "deal/other"} {
				polls[name] = len(b.cloud.polled(name))
			}
			b.wait(10 * time.Minute)
			for name, before := range polls {
				deleted := name == "request" || name == "deal/request"
				if more := len(b.cloud.polled(name)) - before; (more == 0) != deleted || before == 0 {
					b.Errorf("%s: %d polls, then %d more", name, before, more)
				}
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}

// Without the permission for gwlb, clb goes on at once, even if one host takes both.
func TestPermissionForOneProduct(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bubble) {
		b.cloud.host = func(string) string { return "one.example" }
		b.cloud.setFault(func(q clb.TaskQuery) *clb.Error {
			if q.Product == clb.GWLB {
				return problem(clb.ProblemAccessDenied)
			}
			return nil
		})
		b.operate()
		for i := range 20 {
			b.apply(fmt.Sprint("gwlb-", i), ofGWLB)
		}
		b.apply("denied", ofGWLB)
		b.wait(5 * time.Minute)
		b.cloud.add("running", -1)
		b.cloud.add("task", 0)
		b.apply("running")
		b.apply("task")
		b.wait(time.Second)
		b.reads("task", matrix.Succeeded)
		polls := len(b.cloud.polled(""))
		b.wait(10 * time.Minute)
		b.reads("running", matrix.Running)
		if more := len(b.cloud.polled("")) - polls; more > 400 {
			b.Errorf("%d polls in ten minutes: the answers of clb let gwlb be polled as if it were answered, too", more)
		}
		b.reads("denied", matrix.PendingWith(clb.ProblemAccessDenied))
		b.says("denied", "gwlb:DescribeTaskStatus")
	})
}

// withoutTask is the warning of an action that has no task.
const withoutTask = "Warning ActionWithoutTask BatchRegisterTargets has no task: its own response says how it ended. The request is polled all the same."

// warned checks how many events have that warning.
func (b *bubble) warned(want int) {
	b.Helper()
	if got := slices.DeleteFunc(b.events(), func(text string) bool { return text != withoutTask }); len(got) != want {
		b.Errorf("warned %d times, want %d: %q", len(got), want, b.events())
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]func(b *bubble){
		"events name it": func(b *bubble) {
			b.operate()
			b.cloud.add("task", 5*time.Second)
			b.apply("task", withAction("CreateListener"))
			b.wait(20 * time.Second)
			got := b.events()
			if len(got) != 2 || got[0] != "Normal InProgress CreateListener: The task is in progress." || !strings.HasPrefix(got[1], "Normal TaskSucceeded CreateListener: The task succeeded") {
				b.Errorf("the events are %q", got)
			}
			b.says("task", "The task succeeded")
		},
		"one without a task is warned of once, and polled": func(b *bubble) {
			stop := b.operate()
			b.cloud.add("task", -1)
			b.apply("task", withAction("BatchRegisterTargets"))
			b.wait(10 * time.Second)
			b.warned(1)
			b.reads("task", matrix.Running)
			b.change("task", suspend(true))
			b.wait(time.Minute)
			b.change("task", suspend(false))
			b.wait(time.Hour)
			stop()
			b.operate()
			b.wait(time.Hour)
			b.warned(1)
		},
		"it is warned of when it is set, too": func(b *bubble) {
			b.operate()
			b.cloud.add("task", -1)
			b.apply("task")
			b.wait(10 * time.Second)
			b.warned(0)
			b.change("task", withAction("BatchRegisterTargets"))
			b.wait(time.Hour)
			b.warned(1)
		},
		"it is warned of once while polls fail": func(b *bubble) {
			b.operate()
			b.cloud.setFault(always(clb.ProblemThrottled))
			b.apply("task", withAction("BatchRegisterTargets"))
			b.wait(time.Hour)
			b.warned(1)
		},
		"gwlb has no such action": func(b *bubble) {
			b.operate()
			b.apply("task", withAction("BatchRegisterTargets"), ofGWLB)
			b.wait(time.Hour)
			b.warned(0)
		},
		"any other is taken for one with a task": func(b *bubble) {
			b.operate()
			b.cloud.add("task", -1)
			b.apply("task", withAction("InventedAction"))
			b.wait(time.Minute)
			if got := b.events(); len(got) != 1 || !strings.HasPrefix(got[0], corev1.EventTypeNormal) {
				b.Errorf("the events are %q", got)
			}
		},
	} {
		t.Run(sentence, func(t *testing.T) { inBubble(t, test) })
	}
}

// The log names what the spec names.
func TestLogOfRequests(t *testing.T) {
	for sentence, test := range map[string]struct {
		vary      []func(*v1alpha1.CLBTask)
		has, lack []string
	}{
		"a request":                {nil, []string{`"requestID":"task","region":"ap-guangzhou","phase":"Unknown"`, `"requestID":"task","region":"ap-guangzhou","code":`}, []string{"dealName", `"product"`}},
		"an order":                 {[]func(*v1alpha1.CLBTask){ofDeal("d-1")}, []string{`"dealName":"d-1","region":"ap-guangzhou","phase":"Unknown"`, `"dealName":"d-1","region":"ap-guangzhou","code":`}, []string{`"requestID"`}},
		"an order that is deleted": {[]func(*v1alpha1.CLBTask){ofDeal("d-1"), withTTL(0)}, []string{`"dealName":"d-1","region":"ap-guangzhou","phase":"Unknown","completionTime"`}, []string{`"requestID"`}},
		"a request of gwlb":        {[]func(*v1alpha1.CLBTask){ofGWLB, withAction("CreateGatewayLoadBalancer")}, []string{`"requestID":"task","region":"ap-guangzhou","product":"gwlb"`, `"action":"CreateGatewayLoadBalancer"`}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				var logs lockedBuffer
				settings := b.cluster.ManagerOptions(b.T)
				logTo(b.T, &settings, &logs)
				b.operateWith(b.cloud, keyOf, settings)
				b.apply("task", test.vary...)
				b.wait(10 * time.Minute)
				text := logs.String()
				for _, want := range test.has {
					if !strings.Contains(text, want) {
						b.Errorf("the log has no %s", want)
					}
				}
				for _, not := range test.lack {
					if strings.Contains(text, not) {
						b.Errorf("the log has %s", not)
					}
				}
				if t.Failed() {
					b.Log(text)
				}
			})
		})
	}
}
