package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/cert"

	"github.com/clbtask/clbtask-operator/internal/clbsim"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
	"github.com/clbtask/clbtask-operator/test/bench/process"
)

// namespace is the operator's, as config/default names it.
const namespace = "clbtask-system"

// world is all that runs.
type world struct {
	cluster    *realenv.Cluster
	clouds     []realenv.Cloud             // By region.
	replicas   map[string]*process.Process // By the address of the metrics.
	prometheus *prometheus
	stops      []func() error
}

// regions have a cloud each.
var regions = []string{"ap-guangzhou", "ap-shanghai-fsi"}

func newWorld(ctx context.Context, s settings, folder string) (w *world, err error) {
	w = &world{replicas: map[string]*process.Process{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.cluster, err = realenv.StartEmpty(s.root); err != nil {
		return nil, err
	}
	w.stops = append(w.stops, w.cluster.Stop)
	kubeconfig := filepath.Join(folder, "admin")
	if err := os.WriteFile(kubeconfig, w.cluster.Kubeconfig, 0o600); err != nil {
		return nil, err
	}
	install := exec.CommandContext(ctx, filepath.Join(w.cluster.Assets, "kubectl"), "apply", "--server-side", "-k", filepath.Join(s.root, "config", "default"))
	install.Env = []string{"KUBECONFIG=" + kubeconfig, "KUBECACHEDIR=" + filepath.Join(folder, "cache")}
	if output, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}
	for range regions {
		cloud := realenv.StartCloud(clbsim.Config{RoundTrip: 30 * time.Millisecond})
		w.clouds = append(w.clouds, cloud)
		w.stops = append(w.stops, func() error { cloud.Close(); return nil })
	}
	targets, err := w.startReplicas(ctx, s.manager, folder)
	if err != nil {
		return nil, err
	}
	token, err := w.reader(ctx)
	if err != nil {
		return nil, err
	}
	w.prometheus, err = startPrometheus(ctx, folder, token, filepath.Join(s.root, "config", "monitoring", "rules.yaml"), targets)
	if err == nil {
		w.stops = append(w.stops, w.prometheus.Stop)
	}
	return w, err
}

// close stops everything, the last first.
func (w *world) close() (err error) {
	for i := len(w.stops) - 1; i >= 0; i-- {
		err = errors.Join(err, w.stops[i]())
	}
	return err
}

// startReplicas starts two replicas with the permissions of the operator's ServiceAccount
// and a certificate for their metrics. It returns the addresses of the metrics.
func (w *world) startReplicas(ctx context.Context, manager, folder string) (targets []string, err error) {
	token, err := w.cluster.Token(ctx, namespace, "clbtask-controller-manager")
	if err != nil {
		return nil, err
	}
	file := clientcmdapi.NewConfig()
	file.Clusters["c"] = &clientcmdapi.Cluster{Server: w.cluster.Config.Host, CertificateAuthorityData: w.cluster.Config.CAData}
	file.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	file.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: namespace}
	file.CurrentContext = "c"
	kubeconfig := filepath.Join(folder, "operator")
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	err = errors.Join(err, clientcmd.WriteToFile(*file, kubeconfig),
		os.WriteFile(filepath.Join(folder, "tls.crt"), certificate, 0o600), os.WriteFile(filepath.Join(folder, "tls.key"), key, 0o600))
	if err != nil {
		return nil, err
	}
	for i := range 2 {
		address, err := realenv.FreeAddress()
		if err != nil {
			return nil, err
		}
		targets = append(targets, address)
		replica, err := process.Start(ctx, filepath.Join(folder, fmt.Sprintf("operator-%d.log", i)), []string{"TENCENTCLOUD_SECRET_ID=" + realenv.Simulated.ID, "TENCENTCLOUD_SECRET_KEY=" + realenv.Simulated.Key},
			manager, "--leader-elect", "--leader-election-lease-duration=5s", "--leader-election-renew-deadline=4s", "--kubeconfig="+kubeconfig,
			"--clb-endpoint="+w.clouds[0].URL, "--clb-endpoint="+regions[1]+"="+w.clouds[1].URL, "--health-probe-bind-address=0",
			"--metrics-bind-address="+address, "--metrics-cert-dir="+folder)
		if err != nil {
			return nil, err
		}
		w.replicas[address] = replica
		w.stops = append(w.stops, replica.Stop)
	}
	return targets, nil
}

// reader returns a token that may read the metrics, and nothing else.
func (w *world) reader(ctx context.Context) (string, error) {
	account := metav1.ObjectMeta{Namespace: namespace, Name: "prometheus"}
	err := errors.Join(
		w.cluster.Client.Create(ctx, &corev1.ServiceAccount{ObjectMeta: account}),
		w.cluster.Client.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "clbtask-metrics-reader"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		}),
	)
	if err != nil {
		return "", err
	}
	return w.cluster.Token(ctx, account.Namespace, account.Name)
}
