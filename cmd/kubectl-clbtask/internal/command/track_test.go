package command

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

// made returns the tasks that are there, one a line, by name and spec.
func (b *bubble) made() string {
	b.Helper()
	var list v1alpha1.CLBTaskList
	if err := b.client.List(b.Context(), &list); err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for i := range list.Items {
		spec, err := json.Marshal(list.Items[i].Spec)
		if err != nil {
			b.Fatal(err)
		}
		text.WriteString(list.Items[i].Name + " " + string(spec) + "\n")
	}
	return text.String()
}

func TestTrack(t *testing.T) {
	for sentence, test := range map[string]struct {
		world       func(b *bubble)
		stdin, args string
		stdout      string
		want        string // As made returns it.
	}{
		"a request ID":                           {nil, "", "A-1 --deadline=90s", "a-1 created\n", `a-1 {"requestId":"A-1","region":"ap-guangzhou","activeDeadlineSeconds":90}`},
		"what tccli printed, under another name": {nil, listener, "- --name=web", "web created\n", `web {"requestId":"A-1","action":"CreateListener","region":"ap-guangzhou"}`},
		"several requests, as names":             {nil, "a-1\na-2\n", "- -o name", "a-1\n" + prefix + "a-2\n", `a-1 {"requestId":"a-1","region":"ap-guangzhou"}` + "\n" + `a-2 {"requestId":"a-2","region":"ap-guangzhou"}`},
		"one that is there already":              {makeWeb, "", "r-web --name=web", "web unchanged\n", web},
		"the region of the environment":          {func(b *bubble) { b.Setenv("TENCENTCLOUD_REGION", "ap-beijing") }, "", "a-1 --region=", "a-1 created\n", `a-1 {"requestId":"a-1","region":"ap-beijing"}`},
		"a TTL of zero is one":                   {nil, "", "a-1 --ttl=0", "a-1 created\n", `a-1 {"requestId":"a-1","region":"ap-guangzhou","ttlSecondsAfterFinished":0}`},
		"a TTL of a day":                         {nil, "", "a-1 --ttl=24h", "a-1 created\n", `a-1 {"requestId":"a-1","region":"ap-guangzhou","ttlSecondsAfterFinished":86400}`},
		"an action and a product":                {nil, "", "a-1 --action=AssociateTargetGroups --product=gwlb", "a-1 created\n", `a-1 {"requestId":"a-1","product":"gwlb","action":"AssociateTargetGroups","region":"ap-guangzhou"}`},
		"a new gateway load balancer":            {nil, `{"LoadBalancerIds":["gwlb-1"],"RequestId":"a-1"}`, "- --product=gwlb", "a-1 created\n", `a-1 {"requestId":"a-1","product":"gwlb","action":"CreateGatewayLoadBalancer","region":"ap-guangzhou"}`},
		"a query's answer by force":              {nil, `{"TotalCount":0,"RequestId":"a-1"}`, "- --force", "a-1 created\n", `a-1 {"requestId":"a-1","region":"ap-guangzhou"}`},
		"a prepaid order":                        {nil, `{"DealName":"D-1"}`, "-", "d-1 created\n", `d-1 {"dealName":"D-1","region":"ap-guangzhou"}`},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				if test.world != nil {
					test.world(b)
				}
				code, stdout, stderr := b.run(b.Context(), test.stdin, strings.Fields("track --region=ap-guangzhou "+test.args)...)
				if made := b.made(); code != exit.Succeeded || stdout != prefix+test.stdout || made != test.want+"\n" {
					t.Errorf("exit code %d\n%s%s%s", code, stdout, stderr, made)
				}
			})
		})
	}
}

const (
	listener = `{"ListenerIds":["lbl-1"],"RequestId":"A-1"}`
	web      = `web {"requestId":"r-web","region":"ap-guangzhou"}`
	order    = `order {"dealName":"d-1","region":"ap-guangzhou"}`
)

func makeWeb(b *bubble) { b.make("web") }

func TestTrackRefuses(t *testing.T) {
	for sentence, test := range map[string]struct{ stdin, args, stderr string }{
		"a name that another request has":      {"", "r-1 --name=web", "error: the CLBTask web is there, but follows r-web of clb in ap-guangzhou"},
		"a name that another order has":        {`{"DealName":"d-2"}`, "- --name=order", "error: the CLBTask order is there, but follows d-1 of clb in ap-guangzhou"},
		"a request of another region":          {"", "r-web --region=ap-beijing --name=web", "follows r-web of clb in ap-guangzhou"},
		"the same request of another product":  {"", "r-web --name=web --product=gwlb", "follows r-web of clb"},
		"no region anywhere":                   {"", "a-1 --region=", "error: no region: give the one that the call was sent to by --region"},
		"an ID that is no name":                {"", "a_1", "a_1 is no name of a Kubernetes object: give one by --name"},
		"several requests under one name":      {"a-1\na-2", "- --name=new", "2 requests, which cannot share the name new"},
		"a deadline of half a second":          {"", "a-1 --deadline=500ms", "--deadline=500ms: give whole seconds"},
		"a TTL before the end":                 {"", "a-1 --ttl=-1s", "--ttl=-1s: give whole seconds"},
		"a call that has no task":              {"", "a-1 --action=BatchRegisterTargets", "BatchRegisterTargets has no task to track"},
		"a query":                              {"", "a-1 --action=DescribeListeners", "DescribeListeners has no task to track"},
		"an answer that is an error":           {`{"Error":{"Code":"C","Message":"m"},"RequestId":"a-1"}`, "- --wait", "error: the call failed, so there is nothing to track: C: m\n"},
		"nothing, as tccli prints if it fails": {"", "- --wait", "error: the command before the pipe printed nothing: did it fail?\n"},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				makeWeb(b)
				b.make("order", ofOrder("d-1"))
				code, stdout, stderr := b.run(b.Context(), test.stdin, strings.Fields("track --region=ap-guangzhou "+test.args)...)
				if made := b.made(); code != exit.NotFoundOut || stdout != "" || made != order+"\n"+web+"\n" || !strings.Contains(stderr, test.stderr) {
					t.Errorf("exit code %d\n%s%s%s", code, stdout, stderr, made)
				}
			})
		})
	}
}

// What was created before an error is told.
func TestTrackStops(t *testing.T) {
	inBubble(t, func(b *bubble) {
		creations := 0
		b.refuse(errors.New("broken"), func(request *http.Request) bool {
			if request.Method == http.MethodPost {
				creations++
			}
			return creations == 2
		})
		code, stdout, stderr := b.run(b.Context(), "a-1\na-2\na-3", "track", "-", "--region=ap-guangzhou")
		if code != exit.NotFoundOut || stdout != prefix+"a-1 created\n" || !strings.Contains(stderr, "broken (1 of 3 requests are tracked)") {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	})
}

func TestTrackWaits(t *testing.T) {
	for sentence, test := range map[string]struct {
		change      map[string]func(*v1alpha1.CLBTask) // After two seconds.
		stdin, args string
		code        exit.Code
		stdout      string
		stderr      []string
	}{
		"the result alone is on standard output": {map[string]func(*v1alpha1.CLBTask){"a-1": succeeded}, listener, "-", exit.Succeeded, prefix + "a-1 succeeded: lb-1, lb-2\n",
			[]string{"clbtask a-1 in ns: created\n", "[ 0s] a-1: Pending", "[ 2s] a-1: Succeeded"}},
		"for several":         {map[string]func(*v1alpha1.CLBTask){"a-1": failed, "a-2": succeeded}, "a-1\na-2", "- --quiet", exit.Failed, prefix + "a-1 failed: The task failed: No room for more.\n" + prefix + "a-2 succeeded: lb-1, lb-2\n", nil},
		"for an order":        {map[string]func(*v1alpha1.CLBTask){"d-1": succeeded}, `{"DealName":"d-1"}`, "-", exit.Succeeded, prefix + "d-1 succeeded: lb-1, lb-2\n", nil},
		"no longer than told": {nil, "a-1", "- --timeout=5s", exit.TimedOut, prefix + "a-1 not finished: for 5s it has been Pending: Waiting for the controller. No answer for it yet: does clbtask-operator run, and watch the namespace ns? If so, the first poll may wait for the quota.\n", []string{"timed out after 5s"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				time.AfterFunc(2*time.Second, func() {
					for name, change := range test.change {
						b.change(0, name, change)
					}
				})
				code, stdout, stderr := b.run(b.Context(), test.stdin, strings.Fields("track --wait --region=ap-guangzhou "+test.args)...)
				if code != test.code || stdout != test.stdout {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
				contains(t, stderr, test.stderr...)
			})
		})
	}
}

func TestRegion(t *testing.T) {
	home := t.TempDir()
	write := func(profile, content string) {
		t.Helper()
		file := filepath.Join(home, ".tccli", profile+".configure")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("default", `{"_sys_param": {"language": "zh-CN", "region": "ap-guangzhou", "output": "json"}, "clb": {"version": "2018-03-17"}}`)
	write("other", `{"_sys_param": {"region": "ap-beijing"}}`)
	write("empty", `{"_sys_param": {}}`)
	write("broken", `{`)
	for sentence, test := range map[string]struct {
		flag, env, profile string
		want, problem      string
	}{
		"the flag comes first":           {"a", "b", "other", "a", ""},
		"then the environment":           {"", "b", "other", "b", ""},
		"then tccli's profile":           {"", "", "other", "ap-beijing", ""},
		"which is the default one":       {"", "", "", "ap-guangzhou", ""},
		"a profile without a region":     {"", "", "empty", "", "no region: give the one"},
		"a profile that is not there":    {"", "", "missing", "", "no region: give the one"},
		"a profile that nobody can read": {"", "", "broken", "", "broken.configure: unexpected end"},
	} {
		t.Run(sentence, func(t *testing.T) {
			env := map[string]string{"TENCENTCLOUD_REGION": test.env, "TCCLI_PROFILE": test.profile}
			got, err := regionOf(test.flag, func(name string) string { return env[name] }, home)
			if got != test.want || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
