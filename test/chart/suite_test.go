package chart_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/clbtask/clbtask-operator/api/v1alpha1"
)

// root is the repository's.
const root = "../.."

// The cluster: a real etcd and kube-apiserver, without the CRD, which the chart brings.
var (
	config     *rest.Config
	k8s        client.Client
	kubeconfig string // The administrator's file.
)

func TestMain(m *testing.M) {
	log.SetLogger(zap.New())
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		assets = filepath.Join(root, "bin", "k8s", "current")
	}
	folder, err := os.MkdirTemp("", "chart-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	kubeconfig = filepath.Join(folder, "kubeconfig")
	compiled := make(chan struct{}) // While the control plane starts and the first tests run.
	go func() {
		defer close(compiled)
		_, _ = build()
	}()
	defer func() { <-compiled }()
	// Never a cluster of the user's.
	environment := envtest.Environment{BinaryAssetsDirectory: assets, UseExistingCluster: new(false)}
	if config, err = environment.Start(); err != nil {
		return 1, fmt.Errorf("start the control plane (run `make envtest` first): %w", err)
	}
	defer func() { err = errors.Join(err, environment.Stop()) }()
	config = unlimited(config)
	if err := os.WriteFile(kubeconfig, environment.KubeConfig, 0o600); err != nil {
		return 1, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 1, err
	}
	if k8s, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// unlimited drops the client's own limit to requests: the API server has one.
func unlimited(config *rest.Config) *rest.Config {
	config.QPS = -1
	return config
}

// ok fails the test if there is an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually tries until that succeeds. It works in clean-ups, too.
func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	ctx := context.WithoutCancel(t.Context())
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v: %v", what, err, last)
	}
}
