package chart_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
)

// root is the repository's.
const root = "../.."

// The cluster: a real etcd and kube-apiserver, without the CRD, which the chart brings.
var (
	cluster    *realenv.Cluster
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
	if cluster, err = realenv.StartEmpty(root); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := os.WriteFile(kubeconfig, cluster.Kubeconfig, 0o600); err != nil {
		return 1, err
	}
	k8s = cluster.Client
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
