// Package realenv runs the operator in this process against a real etcd and
// kube-apiserver and a simulated cloud, for tests and benchmarks of what virtual time
// cannot show.
package realenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
	"github.com/clbtask/clbtask-operator/controllers"
	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/clb/credentials"
	"github.com/clbtask/clbtask-operator/internal/clbsim"
)

// Cluster is a real etcd and kube-apiserver.
type Cluster struct {
	// Config is the administrator's, without a limit of its own to requests.
	Config *rest.Config
	// Kubeconfig is the same as a file's content.
	Kubeconfig []byte
	// Assets is the folder of etcd, kube-apiserver and kubectl.
	Assets string
	Scheme *runtime.Scheme
	Client client.WithWatch

	environment envtest.Environment
}

// Start starts a cluster with the CRD of CLBTasks. root is the repository's, relative to the working directory.
// The binaries come from KUBEBUILDER_ASSETS, or else from what `make envtest` makes.
func Start(root string) (*Cluster, error) {
	return start(root, filepath.Join(root, "config", "crd", "bases"))
}

// StartEmpty is Start without the CRD.
func StartEmpty(root string) (*Cluster, error) { return start(root) }

func start(root string, crds ...string) (*Cluster, error) {
	c := &Cluster{Scheme: runtime.NewScheme(), Assets: os.Getenv("KUBEBUILDER_ASSETS")}
	if c.Assets == "" {
		c.Assets = filepath.Join(root, "bin", "k8s", "current")
	}
	if _, err := os.Stat(c.Assets); err != nil { //nolint:gosec // The environment of the tests names them.
		return nil, fmt.Errorf("run `make envtest` first: %w", err)
	}
	if err := errors.Join(clientgoscheme.AddToScheme(c.Scheme), v1alpha1.AddToScheme(c.Scheme)); err != nil {
		return nil, err
	}
	c.environment = envtest.Environment{
		BinaryAssetsDirectory: c.Assets,
		CRDDirectoryPaths:     crds,
		ErrorIfCRDPathMissing: true,
		UseExistingCluster:    new(false), // Never a cluster of the user's.
	}
	var err error
	if c.Config, err = c.environment.Start(); err != nil {
		return nil, fmt.Errorf("start the control plane: %w", err)
	}
	c.Kubeconfig = c.environment.KubeConfig
	// As controller-runtime's GetConfig has it: the API server's own fairness is the limit.
	c.Config.QPS = -1
	if c.Client, err = client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme}); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// KubeconfigOf returns the kubeconfig of a user, who may nothing yet.
func (c *Cluster) KubeconfigOf(name string) ([]byte, error) {
	user, err := c.environment.AddUser(envtest.User{Name: name}, nil)
	if err != nil {
		return nil, err
	}
	return user.KubeConfig()
}

// Token returns a token of a ServiceAccount.
func (c *Cluster) Token(ctx context.Context, namespace, account string) (string, error) {
	request := new(authenticationv1.TokenRequest)
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}
	err := c.Client.SubResource("token").Create(ctx, serviceAccount, request)
	return request.Status.Token, err
}

// Stop stops the cluster.
func (c *Cluster) Stop() error { return c.environment.Stop() }

// KeyPair is a clb.CredentialSource of one key pair, which is an account of its own.
type KeyPair struct{ ID, Key string }

// Credential implements clb.CredentialSource.
func (p KeyPair) Credential(context.Context) (clb.Credential, error) {
	return clb.NewCredential(p.ID, p.Key, ""), nil
}

// Account implements clb.CredentialSource.
func (p KeyPair) Account() string { return p.ID }

// Simulated is the key pair that a Cloud knows.
var Simulated = KeyPair{ID: "simulated-id", Key: "simulated-key"}

// Cloud is a simulated CLB API on a port of its own, which knows the key pair Simulated.
type Cloud struct {
	*clbsim.Simulator
	*httptest.Server
}

// StartCloud starts a simulated API. Close ends it.
func StartCloud(settings clbsim.Config) Cloud {
	settings.Credentials = append(settings.Credentials, clbsim.Credential{SecretID: Simulated.ID, SecretKey: Simulated.Key})
	simulator := clbsim.New(settings)
	return Cloud{simulator, httptest.NewServer(simulator)}
}

// NewAPI makes a client of the API, for overrides as those of --clb-endpoint.
func NewAPI(keys clb.CredentialSource, timeout time.Duration, overrides ...string) (*clb.API, error) {
	endpoints, err := clb.NewEndpoints(clb.EndpointOptions{Overrides: overrides})
	if err != nil {
		return nil, err
	}
	return clb.NewAPI(endpoints, keys, timeout)
}

// Run starts an operator. transport, if not nil, stands between it and the API server.
// The returned function stops it and waits until it has ended; further calls do nothing.
func (c *Cluster) Run(api controllers.API, options controllers.Options, transport func(http.RoundTripper) http.RoundTripper) (stop func() error, err error) {
	cfg := rest.CopyConfig(c.Config)
	if transport != nil {
		cfg.Wrap(transport)
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:     c.Scheme,
		Cache:      options.CacheOptions(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return nil, err
	}
	sources, err := controllers.SourcesOf(mgr.GetAPIReader(), credentials.NewIdentities(nil, ""))
	if err != nil {
		return nil, err
	}
	if err := controllers.SetupCLBTaskController(mgr, api, sources, options); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		cancel()
		return nil, errors.Join(errors.New("the cache is not filled"), <-ended)
	}
	return sync.OnceValue(func() error {
		cancel()
		return <-ended
	}), nil
}
