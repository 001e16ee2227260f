package gitops_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// kubectlWaiters are one for each condition, and those that tell more than one can.
func kubectlWaiters() []waiter {
	row := func(condition, rule string, want [3]string, except map[string]string) waiter {
		return waiter{
			Group: groupKubectl, Name: "`--for=" + quoted(condition) + "`", Rule: rule, Code: "its own: the program",
			judge: kubectlWait(condition), want: want, except: except,
		}
	}
	nobody := [3]string{open: waits, good: waits, ended: waits}
	onlyWhere := func(states ...string) map[string]string {
		except := map[string]string{}
		for _, s := range states {
			except[s] = done
		}
		return except
	}
	return []waiter{
		row("jsonpath={.status.completionTime}", "that the task has ended, either way; needs kubectl 1.28 or later", forEither, nil),
		row("condition=Succeeded", "success", withoutFails, nil),
		row("condition=Ready", "success", withoutFails, nil),
		row("jsonpath={.status.phase}=Succeeded", "success", withoutFails, nil),
		row("condition=Succeeded=False", "that it failed, or the deadline passed", nobody, onlyWhere("failed", "deadline")),
		row("condition=Failed", "that it failed, or the deadline passed", nobody, onlyWhere("failed", "deadline")),
		row("condition=Stalled", "that it ended without success", nobody, onlyWhere("failed", "deadline", "unknown")),
		row("condition=Running", "that the cloud last answered that it is in progress", nobody, onlyWhere("running", "throttled", "transient")),
		row("condition=Reconciling", "that the operator goes on polling", nobody, onlyWhere("running", "throttled", "transient", "configuration")),
	}
}

// quoted is a condition as one types it.
func quoted(condition string) string {
	if path, rest, found := strings.Cut(condition, "}"); found {
		return strings.Replace(path, "{", "'{", 1) + "}'" + rest
	}
	return condition
}

func kubectlWait(condition string) judge {
	return func(ctx context.Context, task *unstructured.Unstructured, timeout time.Duration) (string, error) {
		out, err := kubectl(ctx, "wait", "--namespace="+task.GetNamespace(), "--for="+condition, "--timeout="+timeout.String(), "clbtask/"+task.GetName())
		switch {
		case err == nil:
			return done, nil
		case strings.Contains(out, "timed out waiting for the condition"):
			return waits, nil
		default:
			return "", err
		}
	}
}

// kubectl runs the real one, and returns what it prints. Of the user's it neither
// reads nor writes anything.
func kubectl(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	process := exec.CommandContext(ctx, kubectlBin, args...)
	process.Env = kubectlEnv()
	process.Stdout, process.Stderr = &out, &out
	if err := process.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out.String())
	}
	return out.String(), nil
}

func kubectlEnv() []string {
	return append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+kubeconfig+".cache", "KUBERC=off")
}
