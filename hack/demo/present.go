package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// What config/default makes, by the names it gives.
const (
	installed = "config/default"
	crd       = "crd/clbtasks.clb.tencentcloud.com"
	namespace = "clbtask-system"
	account   = "clbtask-controller-manager"
	lease     = "clbtask-operator.clb.tencentcloud.com"
)

// stage is all that a demo runs on.
type stage struct {
	settings
	*screen
	dir     string
	samples []sample
	sky     *cloud
	plane   *controlPlane
	kubectl *kubectl
}

// present is the demo from its first line to its last. Each thing that it starts
// is stopped by a deferred call, also when there is a panic.
func present(ctx context.Context, s settings, screen *screen) (err error) {
	screen.print("\nclbtask-operator with a real Kubernetes API server and a simulated cloud, on this machine\n\n")
	samples, err := readSamples(samplesFile)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "clbtask-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Setenv("TMPDIR", dir); err != nil { // envtest's files go the same way.
		return err
	}
	sky := startCloud(samples, s.keep)
	defer sky.server.Close()

	// The start of the control plane cannot be interrupted, so say that it was heard.
	defer context.AfterFunc(ctx, func() { screen.print("\n"); screen.step("Stopping everything") })()
	screen.step("Starting etcd and kube-apiserver")
	plane, err := startControlPlane(screen, s.assets, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.stop()) }()
	if ctx.Err() != nil {
		return errInterrupted
	}
	screen.step("Kubernetes %s is up, with RBAC; so is the simulated cloud", plane.version)

	st := &stage{s, screen, dir, samples, sky, plane, newKubectl(screen, s.assets, dir, plane.kubeconfig)}
	if err := st.install(ctx); err != nil {
		return unlessInterrupted(ctx, err)
	}
	kubeconfig := filepath.Join(dir, "operator.kubeconfig")
	if err := st.permit(ctx, kubeconfig); err != nil {
		return unlessInterrupted(ctx, err)
	}
	return st.play(ctx, kubeconfig)
}

// unlessInterrupted returns the error, or what is behind whatever it tells.
func unlessInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// install installs what a cluster gets.
func (s *stage) install(ctx context.Context) error {
	s.step("Installing what a cluster gets: the CRD, RBAC and the Deployment")
	s.print("\n")
	if err := s.kubectl.run(ctx, "apply", "--server-side", "--validate=strict", "-k", installed); err != nil {
		return err
	}
	if err := s.kubectl.run(ctx, "wait", "--for=condition=Established", crd, "--timeout=60s"); err != nil {
		return err
	}
	s.step("No kubelet here, so the Deployment stays without pods: the operator runs as a process")
	return nil
}

// permit makes the operator's kubeconfig, with the permissions it has in a
// cluster, and makes sure that they are not an administrator's.
func (s *stage) permit(ctx context.Context, kubeconfig string) error {
	s.step("Its kubeconfig has a token of the ServiceAccount %s/%s", namespace, account)
	s.print("\n")
	if err := s.plane.kubeconfigFor(ctx, namespace, account, kubeconfig); err != nil {
		return err
	}
	args := []string{"auth", "can-i", "get", "secrets", "--all-namespaces"}
	s.command(append([]string{"--kubeconfig=" + filepath.Base(kubeconfig)}, args...)...)
	var answer bytes.Buffer
	// The answer no comes with an exit code of 1.
	err := s.kubectl.quietly(ctx, &answer, append([]string{"--kubeconfig=" + kubeconfig}, args...)...)
	if strings.TrimSpace(answer.String()) != "no" {
		return errors.Join(fmt.Errorf("the operator must not be allowed to get secrets, and the answer is %q", answer.String()), err)
	}
	s.print("%s\n", &answer)
	return nil
}

// play runs the operator and shows what it does.
func (s *stage) play(ctx context.Context, kubeconfig string) (err error) {
	running, operator, err := startOperator(ctx, s.manager, kubeconfig, s.dir, s.sky)
	if err != nil {
		return err
	}
	defer func() {
		failed := err != nil && !errors.Is(err, errInterrupted)
		if failed {
			s.tail("the operator's log", operator.log, 15)
		}
		ended := operator.stop()
		if ended != nil && !failed { // Else it may be a consequence.
			s.tail("the operator's log", operator.log, 15)
			err = errors.Join(err, ended)
		}
	}()
	s.step("Starting %s --leader-elect ...", s.manager)
	if err := s.perform(running, operator); err != nil {
		if ended := context.Cause(running); ended != nil {
			err = ended // What else went wrong is a consequence.
		}
		return unlessInterrupted(ctx, err)
	}
	if s.keep {
		s.stay(running, operator.log)
		if ctx.Err() == nil {
			return context.Cause(running)
		}
	}
	return nil
}

// perform shows all that there is to see while the operator runs.
func (s *stage) perform(ctx context.Context, operator *operator) error {
	leader := func(ctx context.Context) string { return s.plane.leader(ctx, namespace, lease) }
	if err := operator.ready(ctx, leader); err != nil {
		return err
	}
	s.step("The operator is ready and leads")
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.review(ctx)
}

// review shows what came of the samples, and checks it.
func (s *stage) review(ctx context.Context) error {
	if err := s.kubectl.run(ctx, "get", "clbtasks", "-o", "wide"); err != nil {
		return err
	}
	message := `jsonpath={.status.conditions[?(@.type=="Ready")].message}{"\n"}`
	if err := s.kubectl.run(ctx, "get", "clbtask", "mistyped-request", "-o", message); err != nil {
		return err
	}
	if err := s.kubectl.show(ctx, "Status:", "describe", "clbtask", "bind-backends"); err != nil {
		return err
	}
	total, verified := s.sky.stats()
	s.step("The cloud counted %d calls: %d throttled, at most %d within a second (it allows 20)",
		total, verified.Throttled, verified.Peak)
	var content bytes.Buffer
	if err := s.kubectl.quietly(ctx, &content, "get", "clbtasks", "-o", "json"); err != nil {
		return err
	}
	var list v1alpha1.CLBTaskList
	if err := json.Unmarshal(content.Bytes(), &list); err != nil {
		return fmt.Errorf("read the CLBTasks: %w", err)
	}
	if err := check(s.samples, list.Items, total, verified); err != nil {
		return err
	}
	s.step("All %d tasks are as they should be; the mistyped one would become Unknown after some two minutes", len(s.samples))
	return nil
}

// pause waits, but not longer than the context.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
