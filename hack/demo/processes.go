package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// The operator's ServiceAccount, as config/default names it.
const (
	namespace = "clbtask-system"
	account   = "clbtask-controller-manager"
)

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// tail shows the last lines of a log, which is about to be removed.
func (d *demo) tail(file string) {
	content, _ := os.ReadFile(d.path(file))
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	d.print("\nThe last lines of %s:\n%s\n", file, strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// startControlPlane starts a real etcd and kube-apiserver with the RBAC authorizer,
// and no controllers. If it fails, it leaves nothing running.
func (d *demo) startControlPlane() error {
	output, err := os.Create(d.path("control-plane.log"))
	if err := errors.Join(err, os.Setenv("TMPDIR", d.dir)); err != nil { // For the files of envtest.
		return err
	}
	// The packages used here log to this file, too.
	log.SetLogger(zap.New(zap.WriteTo(output)))
	d.plane = &envtest.Environment{
		BinaryAssetsDirectory: d.assets,
		// USE_EXISTING_CLUSTER must not let the demo change a real cluster.
		UseExistingCluster:       new(false),
		ControlPlaneStartTimeout: 2 * time.Minute, // For slow machines.
		ControlPlaneStopTimeout:  time.Minute,
	}
	d.plane.ControlPlane.Etcd = &envtest.Etcd{Out: output, Err: output}
	api := d.plane.ControlPlane.GetAPIServer()
	api.Out, api.Err = output, output
	if _, err = d.plane.Start(); err == nil {
		err = d.writeKubeconfigs()
	}
	if err != nil {
		d.tail("control-plane.log")
		return errors.Join(fmt.Errorf("start the control plane: %w", err), d.plane.Stop())
	}
	return nil
}

// writeKubeconfigs writes one for the administrator, and one with the permissions of
// the operator's ServiceAccount and with its namespace.
func (d *demo) writeKubeconfigs() error {
	user, err := d.plane.AddUser(envtest.User{
		Name:   "system:serviceaccount:" + namespace + ":" + account,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace},
	}, nil)
	if err != nil {
		return err
	}
	content, err := user.KubeConfig()
	if err != nil {
		return err
	}
	config, err := clientcmd.Load(content)
	if err != nil {
		return err
	}
	config.Contexts[config.CurrentContext].Namespace = namespace
	return errors.Join(
		os.Mkdir(d.path("credentials"), 0o700),
		os.WriteFile(d.path("credentials/secretId"), []byte(d.credential.SecretID), 0o600),
		os.WriteFile(d.path("credentials/secretKey"), []byte(d.credential.SecretKey), 0o600),
		clientcmd.WriteToFile(*config, d.path("operator.kubeconfig")),
		os.WriteFile(d.path("kubeconfig"), d.plane.KubeConfig, 0o600),
	)
}

// startOperator runs bin/manager as a process of its own. The context that it
// returns ends with the operator; stop ends both in order.
func (d *demo) startOperator(ctx context.Context, api string) (running context.Context, stop func() error, err error) {
	output, err := os.Create(d.path("operator.log"))
	if err != nil {
		return nil, nil, err
	}
	running, end := context.WithCancelCause(ctx)
	//nolint:gosec // The flag --manager is what is to run.
	process := exec.CommandContext(running, d.manager, "--leader-elect", "--kubeconfig="+d.path("operator.kubeconfig"),
		"--clb-endpoint="+api, "--metrics-bind-address=0", "--health-probe-bind-address=0")
	// It inherits no variable, since there may be those of a real account.
	process.Env = []string{}
	process.Stdout, process.Stderr = output, output
	// A terminal's Ctrl-C must not reach it: it would take the SIGTERM below for a
	// second signal, and exit at once, without releasing its lease.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 10 * time.Second
	if err := errors.Join(process.Start(), output.Close()); err != nil {
		end(nil)
		return nil, nil, fmt.Errorf("start the operator: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- process.Wait()
		end(errors.New("the operator ended by itself"))
	}()
	return running, func() error {
		end(nil)
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) { // That is exit code 0 after the SIGTERM.
			return fmt.Errorf("the operator: %w", err)
		}
		return nil
	}, nil
}

// execute runs a command of a shell for its output; errors and warnings are shown.
// The kubectl is of the same release as the API server. It neither reads nor writes
// anything of the user: no preferences, and a cache that is removed with the folder.
func (d *demo) execute(ctx context.Context, out io.Writer, command string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // Commands that wait have a shorter time-out.
	defer cancel()
	process := exec.CommandContext(ctx, "sh", "-c", "exec "+command) //nolint:gosec // The script is ours.
	process.Env = append(os.Environ(), "PATH="+d.assets+":"+os.Getenv("PATH"),
		"KUBECONFIG="+d.path("kubeconfig"), "KUBECACHEDIR="+d.path("kubectl-cache"), "KUBERC=off")
	process.Stdout, process.Stderr = out, d.out
	// A killed kubectl must not keep the demo waiting for the end of its output.
	process.WaitDelay = time.Second
	if err := process.Run(); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return nil
}
