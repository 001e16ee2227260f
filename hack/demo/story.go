package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// demo is what is shown, and what it runs on.
type demo struct {
	out             io.Writer
	began           time.Time
	assets, manager string
	keep            bool
	dir             string // All files are in it.
	sky             *clbsim.Simulator
	credential      clbsim.Credential
	plane           *envtest.Environment
}

// print ignores errors: a reader that goes away is reported by SIGPIPE as well.
func (d *demo) print(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

// step shows what happens next, or its result, and the time.
func (d *demo) step(format string, args ...any) {
	d.print("[%5.1fs] %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// play shows a script. Lines that begin with "$ " are commands, which are run and
// whose output is shown; the others are steps.
func (d *demo) play(ctx context.Context, script ...string) error {
	for _, line := range script {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			d.step("%s", line)
			continue
		}
		d.print("%s\n", line)
		err := d.execute(ctx, d.out, command)
		d.print("\n")
		if err != nil {
			return err
		}
	}
	return nil
}

// run is the whole demo. Each thing that it starts is stopped by a deferred call.
func (d *demo) run(ctx context.Context) (err error) {
	d.print("\nclbtask-operator with a real Kubernetes API server and a simulated cloud, on this machine\n\n")
	if d.dir, err = os.MkdirTemp("", "clbtask-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	d.sky, d.credential = newCloud()
	server := httptest.NewServer(d.sky)
	defer server.Close()
	// The start of the control plane cannot be interrupted, so show that the signal arrived.
	defer context.AfterFunc(ctx, func() { d.print("\n"); d.step("Stopping everything") })()
	d.step("Starting etcd and kube-apiserver")
	if err := d.startControlPlane(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.plane.Stop()) }()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = d.play(ctx,
		"Kubernetes is up, with RBAC; so is the simulated cloud\n",
		"$ kubectl version",
		"Installing what a cluster gets: the CRD, RBAC and the Deployment\n",
		"$ kubectl apply --server-side --validate=strict -k "+installed,
		"$ kubectl wait --for=condition=Established crd/clbtasks.clb.tencentcloud.com --timeout=60s",
		"No kubelet here, so the Deployment stays without pods: the operator runs as a process",
		"Its kubeconfig has the permissions of the ServiceAccount "+namespace+"/"+account+"\n",
		"$ kubectl --kubeconfig='"+d.path("operator.kubeconfig")+"' auth can-i get secrets --all-namespaces | grep -x no")
	if err != nil {
		return cause(ctx, err)
	}
	running, stop, err := d.startOperator(ctx, server.URL)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() {
		err = errors.Join(err, stop())
		if exitCode(err) == 1 {
			d.tail("operator.log")
		}
	}()
	if err = d.follow(running); err == nil {
		err = d.review(running)
	}
	if err != nil || !d.keep {
		return cause(running, err)
	}
	d.print(invitation, d.path("kubeconfig"), d.assets, d.path("operator.log"))
	<-running.Done()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// cause replaces an error that follows from the end of the context.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// follow applies the samples and watches them until a `kubectl wait` for each has
// returned.
func (d *demo) follow(ctx context.Context) error {
	err := d.play(ctx,
		"Starting "+d.manager+" --leader-elect ...\n",
		"$ kubectl wait --for=create lease/clbtask-operator.clb.tencentcloud.com --namespace="+namespace+" --timeout=90s",
		fmt.Sprintf("The operator leads. There are %d requests to follow; the cloud takes some seconds for each\n", len(samples)),
		"$ kubectl apply -f "+samplesFile,
		"Its Secret is not there yet, as a task says\n",
		"$ kubectl wait --for='jsonpath={"+readyReason+"}=CredentialsMissing' clbtask/create-web-lb --timeout=60s",
		`$ kubectl get clbtask create-web-lb -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}' | grep "create it in namespace `+namespace+`"`,
		"Here it comes. No restart is needed: the Secret is read again within half a minute\n",
		"$ kubectl -n "+namespace+" create secret generic clbtask-operator-credentials --from-file='"+d.path("credentials")+"'")
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	var waits sync.WaitGroup
	defer waits.Wait() // No kubectl stays behind.
	defer stop()
	outputs, failed := make([]bytes.Buffer, len(samples)), make([]error, len(samples))
	for i, s := range samples {
		command := fmt.Sprintf("kubectl wait --for=%s clbtask/%s --timeout=60s", s.waitFor(), s.name)
		fmt.Fprintf(&outputs[i], "$ %s\n", command)
		waits.Go(func() {
			failed[i] = d.execute(watching, &outputs[i], command)
			if task, known := d.sky.Task(s.task.ID); known && failed[i] == nil {
				fmt.Fprintf(&outputs[i], "%.2f s after the end of the task in the cloud\n", time.Since(task.End()).Seconds())
			}
		})
	}
	go func() {
		waits.Wait()
		time.AfterFunc(300*time.Millisecond, stop) // The last lines may still be on their way.
	}()
	if err := d.play(watching, "$ kubectl get clbtasks --watch"); watching.Err() == nil {
		return errors.Join(errors.New("the watch ended by itself"), err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.step("Meanwhile, side by side, as a pipeline would wait:\n")
	for i := range outputs {
		d.print("%s\n", &outputs[i])
	}
	return errors.Join(failed...)
}

// review shows the results of the samples and checks them.
func (d *demo) review(ctx context.Context) error {
	err := d.play(ctx,
		"$ kubectl get clbtasks -o wide",
		`$ kubectl get clbtask mistyped-request -o 'jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}'`,
		"$ kubectl describe clbtask bind-backends | sed -n '/^Status:/,$p'")
	if err != nil {
		return err
	}
	all := d.sky.Stats()
	ours := all.Accounts[d.credential.SecretID]
	d.step("The cloud counted %d calls: %d throttled, at most %d within a second (it allows 20)", all.Calls, ours.Throttled, ours.Peak)
	var content bytes.Buffer
	if err := d.execute(ctx, &content, "kubectl get clbtasks -o json"); err != nil {
		return err
	}
	var list v1alpha1.CLBTaskList
	if err := json.Unmarshal(content.Bytes(), &list); err != nil {
		return fmt.Errorf("read the CLBTasks: %w", err)
	}
	if err := check(list.Items, all.Calls, ours); err != nil {
		return err
	}
	d.step("All %d tasks are as they should be; the mistyped one would become Unknown after some two minutes", len(samples))
	return nil
}

// invitation is for a shell, so its lines must not be indented.
const invitation = `
It stays up until Ctrl-C. In another terminal, in the root of the repository:

export KUBECONFIG='%s' PATH="%s:$PATH"

# Three more tasks, whose clocks begin with the first poll.
kubectl apply -f hack/demo/more.yaml
kubectl wait --for=condition=Succeeded clbtask/succeeds --timeout=60s

# What the API server refuses: a CLBTask belongs to one request.
kubectl patch clbtask create-web-lb --type=merge -p '{"spec":{"requestId":"another"}}'

# What the operator does.
tail -f '%s'

`
