package command

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/cmd/kubectl-clbtask/internal/exit"
)

func TestTrack(t *testing.T) {
	const listener = `{"ListenerIds":["lbl-1"],"RequestId":"A-1"}`
	for sentence, test := range map[string]struct {
		world  func(b *bubble)
		stdin  string
		args   []string
		code   exit.Code
		stdout string
		stderr []string
		want   map[string]v1alpha1.CLBTaskSpec
	}{
		"a request ID": {nil, "", []string{"A-1", "--region=ap-guangzhou", "--deadline=90s"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "A-1", Region: "ap-guangzhou", ActiveDeadlineSeconds: 90}}},
		"what tccli printed, under another name": {nil, listener, []string{"-", "--region=ap-guangzhou", "--name=web"}, exit.Succeeded, prefix + "web created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"web": {RequestID: "A-1", Region: "ap-guangzhou", Action: "CreateListener"}}},
		"several requests, as names": {nil, "a-1\na-2\n", []string{"-", "--region=ap-guangzhou", "-o", "name"}, exit.Succeeded, prefix + "a-1\n" + prefix + "a-2\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou"}, "a-2": {RequestID: "a-2", Region: "ap-guangzhou"}}},
		"one that is there already": {func(b *bubble) { b.make("web") }, "", []string{"r-web", "--region=ap-guangzhou", "--name=web"}, exit.Succeeded, prefix + "web unchanged\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"web": {RequestID: "r-web", Region: "ap-guangzhou"}}},
		"a name that another request has": {func(b *bubble) { b.make("web") }, "", []string{"r-1", "--region=ap-guangzhou", "--name=web"}, exit.NotFoundOut, "", []string{"the CLBTask web is there, but follows r-web of clb in ap-guangzhou"}, nil},
		"a request of another region":     {func(b *bubble) { b.make("web") }, "", []string{"r-web", "--region=ap-beijing", "--name=web"}, exit.NotFoundOut, "", []string{"follows r-web of clb in ap-guangzhou"}, nil},
		"the region of the environment": {func(b *bubble) { b.Setenv("TENCENTCLOUD_REGION", "ap-beijing") }, "", []string{"a-1"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-beijing"}}},
		"no region anywhere":              {nil, "", []string{"a-1"}, exit.NotFoundOut, "", []string{"error: no region: give the one that the call was sent to by --region"}, map[string]v1alpha1.CLBTaskSpec{}},
		"an ID that is no name":           {nil, "", []string{"a_1", "--region=ap-guangzhou"}, exit.NotFoundOut, "", []string{"the request ID a_1 is no name of a Kubernetes object: give one by --name"}, nil},
		"several requests under one name": {nil, "a-1\na-2", []string{"-", "--region=ap-guangzhou", "--name=web"}, exit.NotFoundOut, "", []string{"2 requests, which cannot share the name web"}, map[string]v1alpha1.CLBTaskSpec{}},
		"a deadline of half a second":     {nil, "", []string{"a-1", "--region=ap-guangzhou", "--deadline=500ms"}, exit.NotFoundOut, "", []string{"--deadline=500ms: give whole seconds"}, nil},
		"a TTL of zero is one": {nil, "", []string{"a-1", "--region=ap-guangzhou", "--ttl=0"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou", TTLSecondsAfterFinished: new(int64(0))}}},
		"a TTL of a day": {nil, "", []string{"a-1", "--region=ap-guangzhou", "--ttl=24h"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou", TTLSecondsAfterFinished: new(int64(86400))}}},
		"a TTL before the end": {nil, "", []string{"a-1", "--region=ap-guangzhou", "--ttl=-1s"}, exit.NotFoundOut, "", []string{"--ttl=-1s: give whole seconds"}, nil},
		"an action and a product": {nil, "", []string{"a-1", "--region=ap-guangzhou", "--action=AssociateTargetGroups", "--product=gwlb"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou", Action: "AssociateTargetGroups", Product: v1alpha1.ProductGWLB}}},
		"a new gateway load balancer": {nil, `{"LoadBalancerIds":["gwlb-1"],"RequestId":"a-1"}`, []string{"-", "--region=ap-guangzhou", "--product=gwlb"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou", Action: "CreateGatewayLoadBalancer", Product: v1alpha1.ProductGWLB}}},
		"the same request of another product":  {func(b *bubble) { b.make("web") }, "", []string{"r-web", "--region=ap-guangzhou", "--name=web", "--product=gwlb"}, exit.NotFoundOut, "", []string{"follows r-web of clb"}, nil},
		"a call that has no task":              {nil, "", []string{"a-1", "--region=ap-guangzhou", "--action=BatchRegisterTargets"}, exit.NotFoundOut, "", []string{"BatchRegisterTargets has no task to track"}, map[string]v1alpha1.CLBTaskSpec{}},
		"a query":                              {nil, "", []string{"a-1", "--region=ap-guangzhou", "--action=DescribeListeners"}, exit.NotFoundOut, "", []string{"DescribeListeners has no task to track"}, map[string]v1alpha1.CLBTaskSpec{}},
		"an answer that is an error":           {nil, `{"Error":{"Code":"C","Message":"m"},"RequestId":"a-1"}`, []string{"-", "--region=ap-guangzhou", "--wait"}, exit.NotFoundOut, "", []string{"error: the call failed, so there is nothing to track: C: m\n"}, map[string]v1alpha1.CLBTaskSpec{}},
		"nothing, as tccli prints if it fails": {nil, "", []string{"-", "--region=ap-guangzhou", "--wait"}, exit.NotFoundOut, "", []string{"error: the command before the pipe printed nothing: did it fail?\n"}, map[string]v1alpha1.CLBTaskSpec{}},
		"a query's answer by force": {nil, `{"TotalCount":0,"RequestId":"a-1"}`, []string{"-", "--region=ap-guangzhou", "--force"}, exit.Succeeded, prefix + "a-1 created\n", nil,
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou"}}},
		"the API server refuses the second": {
			func(b *bubble) {
				creations := 0
				b.refuse(errors.New("broken"), func(request *http.Request) bool {
					if request.Method == http.MethodPost {
						creations++
					}
					return creations > 1
				})
			}, "a-1\na-2\na-3", []string{"-", "--region=ap-guangzhou"}, exit.NotFoundOut, prefix + "a-1 created\n", []string{"broken (1 of 3 requests are tracked)"},
			map[string]v1alpha1.CLBTaskSpec{"a-1": {RequestID: "a-1", Region: "ap-guangzhou"}}},
		"wait: the result alone on standard output": {
			func(b *bubble) {
				time.AfterFunc(time.Second, func() { b.change(0, "a-1", running); b.change(time.Second, "a-1", succeeded) })
			}, listener, []string{"-", "--region=ap-guangzhou", "--wait"}, exit.Succeeded, prefix + "a-1 succeeded: lb-1, lb-2\n",
			[]string{"clbtask a-1 in ns: created\n", "[ 0s] a-1: Pending", "[ 1s] a-1: Running", "[ 2s] a-1: Succeeded"}, nil},
		"wait for several": {
			func(b *bubble) {
				time.AfterFunc(time.Second, func() { b.change(0, "a-1", failed); b.change(0, "a-2", succeeded) })
			},
			"a-1\na-2", []string{"-", "--region=ap-guangzhou", "--wait", "--quiet"}, exit.Failed, prefix + "a-1 failed: The task failed: No room for more.\n" + prefix + "a-2 succeeded: lb-1, lb-2\n", nil, nil},
		"wait no longer than told": {nil, "a-1", []string{"-", "--region=ap-guangzhou", "--wait", "--timeout=5s"}, exit.TimedOut, "", []string{"timed out after 5s"}, nil},
	} {
		t.Run(sentence, func(t *testing.T) {
			inBubble(t, func(b *bubble) {
				if test.world != nil {
					test.world(b)
				}
				code, stdout, stderr := b.run(b.Context(), test.stdin, append([]string{"track"}, test.args...)...)
				if code != test.code || stdout != test.stdout && test.stdout != "" {
					t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
				}
				contains(t, stderr, test.stderr...)
				var list v1alpha1.CLBTaskList
				if err := b.client.List(b.Context(), &list); err != nil || test.want != nil && len(list.Items) != len(test.want) {
					t.Errorf("there are %d tasks, %v", len(list.Items), err)
				}
				for name, want := range test.want {
					var task v1alpha1.CLBTask
					if err := b.client.Get(b.Context(), types.NamespacedName{Namespace: "ns", Name: name}, &task); err != nil || !equality.Semantic.DeepEqual(task.Spec, want) {
						t.Errorf("%s: %+v, %v", name, task.Spec, err)
					}
				}
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
