package realenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// Beside is a second kube-apiserver with objects of its own in the etcd of a cluster, for
// what must not disturb others.
type Beside struct {
	// Config is the administrator's, as that of the cluster.
	Config *rest.Config
	Client client.WithWatch

	program string
	args    []string
	process *exec.Cmd
}

// StartBeside starts a second kube-apiserver, without CRDs.
func (c *Cluster) StartBeside() (*Beside, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	certificates := c.environment.ControlPlane.APIServer.CertDir
	b := &Beside{Config: rest.CopyConfig(c.Config), program: filepath.Join(c.Assets, "kube-apiserver")}
	b.Config.Host = "https://" + address
	b.args = []string{
		"--etcd-servers=" + c.etcd(), "--etcd-prefix=/beside", "--bind-address=127.0.0.1", "--secure-port=" + port,
		"--cert-dir=" + certificates, "--client-ca-file=" + filepath.Join(certificates, "client-cert-auth-ca.crt"),
		"--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
		"--service-account-issuer=" + b.Config.Host, "--service-account-key-file=" + filepath.Join(certificates, "sa-signer.crt"),
		"--service-account-signing-key-file=" + filepath.Join(certificates, "sa-signer.key"),
	}
	if err := b.Start(); err != nil {
		return nil, err
	}
	b.Client, err = client.NewWithWatch(b.Config, client.Options{Scheme: c.Scheme})
	return b, err
}

// Start starts it again after Kill, and returns when it serves.
func (b *Beside) Start() error {
	var said bytes.Buffer
	b.process = exec.Command(b.program, b.args...) //nolint:gosec,noctx // It is the cluster's own, and Kill ends it.
	b.process.Stderr = &said
	if err := b.process.Start(); err != nil {
		return err
	}
	requests, err := rest.HTTPClientFor(b.Config)
	if err != nil {
		return errors.Join(err, b.Kill())
	}
	err = wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return b.ready(ctx, requests), nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", errors.Join(err, b.Kill()), said.Bytes())
	}
	return nil
}

func (b *Beside) ready(ctx context.Context, requests *http.Client) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Config.Host+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := requests.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Kill ends it at once.
func (b *Beside) Kill() error {
	err := b.process.Process.Kill()
	_ = b.process.Wait() // It was killed.
	return err
}

// Install installs a CRD, or replaces it, and waits until it is served.
func (b *Beside) Install(crd *apiextensionsv1.CustomResourceDefinition) error {
	_, err := envtest.InstallCRDs(b.Config, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}})
	return err
}

// CRD returns the CRD of CLBTasks. root is as for Start.
func CRD(root string) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", "clb.tencentcloud.com_clbtasks.yaml"))
	if err != nil {
		return nil, err
	}
	crd := new(apiextensionsv1.CustomResourceDefinition)
	return crd, yaml.UnmarshalStrict(text, crd)
}

func (c *Cluster) etcd() string { return c.environment.ControlPlane.Etcd.URL.String() }

// Compact lets etcd forget all but the present, so that no watch of the past can go on.
func (c *Cluster) Compact(ctx context.Context) error {
	var now struct{ Header struct{ Revision string } }
	if err := c.callEtcd(ctx, "range", `{"key": "Lw=="}`, &now); err != nil {
		return err
	}
	return c.callEtcd(ctx, "compaction", fmt.Sprintf(`{"revision": %q, "physical": true}`, now.Header.Revision), new(any))
}

func (c *Cluster) callEtcd(ctx context.Context, method, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.etcd()+"/v3/kv/"+method, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd's %s: %s %s: %w", method, response.Status, text, err)
	}
	return json.Unmarshal(text, into)
}
