package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

const (
	// startTime and stopTime are for slow machines.
	startTime = 2 * time.Minute
	stopTime  = time.Minute
	// tokenTime is how long the operator's token lasts: longer than a demo that
	// is kept over night.
	tokenTime = 24 * time.Hour
)

// controlPlane is a real etcd and kube-apiserver. envtest gives it the RBAC
// authorizer, and no controllers.
type controlPlane struct {
	environment *envtest.Environment
	config      *rest.Config
	clients     kubernetes.Interface
	version     string
	kubeconfig  string // The file of the administrator's.
}

// startControlPlane keeps all its files in dir. It cannot be interrupted; what
// it started is gone when it fails.
func startControlPlane(s *screen, assets, dir string) (_ *controlPlane, err error) {
	file := filepath.Join(dir, "control-plane.log")
	output, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, output.Close()) }()
	// What the packages used here have to say is for this file as well.
	log.SetLogger(zap.New(zap.WriteTo(output)))
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		// USE_EXISTING_CLUSTER must not turn the demo loose on a real cluster.
		UseExistingCluster:       new(false),
		ControlPlaneStartTimeout: startTime,
		ControlPlaneStopTimeout:  stopTime,
	}
	environment.ControlPlane.Etcd = &envtest.Etcd{Out: output, Err: output}
	api := environment.ControlPlane.GetAPIServer()
	api.Out, api.Err = output, output
	plane := &controlPlane{environment: environment, kubeconfig: filepath.Join(dir, "kubeconfig")}
	if plane.config, err = environment.Start(); err == nil {
		err = plane.connect()
	}
	if err != nil {
		s.tail("the control plane's log", file, 20)
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), environment.Stop())
	}
	return plane, nil
}

func (p *controlPlane) connect() error {
	clients, err := kubernetes.NewForConfig(p.config)
	if err != nil {
		return err
	}
	p.clients = clients
	version, err := clients.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask for the version: %w", err)
	}
	p.version = version.GitVersion
	return os.WriteFile(p.kubeconfig, p.environment.KubeConfig, 0o600)
}

func (p *controlPlane) stop() error {
	if err := p.environment.Stop(); err != nil {
		return fmt.Errorf("stop the control plane: %w", err)
	}
	return nil
}

// kubeconfigFor writes a kubeconfig with which a program has the permissions of
// a ServiceAccount, and no others, and its namespace.
func (p *controlPlane) kubeconfigFor(ctx context.Context, namespace, account, file string) error {
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(tokenTime.Seconds()))},
	}
	answer, err := p.clients.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("get a token of the ServiceAccount %s/%s: %w", namespace, account, err)
	}
	const name = "demo"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: p.config.Host, CertificateAuthorityData: p.config.CAData}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: answer.Status.Token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, file) // Readable by the user alone.
}

// leader returns who holds a lease, "" for nobody.
func (p *controlPlane) leader(ctx context.Context, namespace, name string) string {
	lease, err := p.clients.CoordinationV1().Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}
