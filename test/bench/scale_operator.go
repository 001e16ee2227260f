package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/clbtask/clbtask-operator/internal/clb"
	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
	"github.com/clbtask/clbtask-operator/test/bench/process"
)

// operator is the operator's process.
type operator struct {
	*process.Process
	begun   time.Time
	metrics string // The URL.
}

// memoryLimit is what the operator sets itself in a container with the limit of
// config/default, 256 MiB: nine tenths of it.
const memoryLimit = "GOMEMLIMIT=241591910"

// startOperator starts it as config/default does, but for plain metrics, with more
// arguments. Its log has a name in a folder.
func (c *cluster) startOperator(ctx context.Context, manager, folder, name string, more ...string) (*operator, error) {
	kubeconfig := filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(kubeconfig, c.Kubeconfig, 0o600); err != nil {
		return nil, err
	}
	address, err := realenv.FreeAddress()
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"--kubeconfig=" + kubeconfig, "--health-probe-bind-address=0", "--metrics-secure=false",
		"--metrics-bind-address=" + address, fmt.Sprintf("--clb-requests-per-second=%d", quota),
	}, more...)
	o := &operator{begun: time.Now(), metrics: "http://" + address + "/metrics"}
	o.Process, err = process.Start(ctx, filepath.Join(folder, name+".log"), []string{
		clb.EnvSecretID + "=" + account, clb.EnvSecretKey + "=" + account, memoryLimit,
	}, manager, args...)
	return o, err
}

// look is what the process is like at a time.
type look struct {
	at time.Time
	// rss, and what the last garbage collection left of the heap, are in MB, cpu in seconds
	// since the start.
	rss, heap, cpu          float64
	goroutines, descriptors float64
	// calls of the API, and writes to the API server, since the start.
	calls, writes float64
}

// look reads the metrics.
func (o *operator) look(ctx context.Context) (look, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.metrics, http.NoBody)
	if err != nil {
		return look{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return look{}, err
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return look{}, err
	}
	return look{
		at: time.Now(), rss: sum(families["process_resident_memory_bytes"], "") / 1e6, heap: sum(families["go_gc_heap_live_bytes"], "") / 1e6, cpu: sum(families["process_cpu_seconds_total"], ""),
		goroutines: sum(families["go_goroutines"], ""), descriptors: sum(families["process_open_fds"], ""),
		calls: sum(families["clbtask_api_calls_total"], ""), writes: sum(families["rest_client_requests_total"], http.MethodGet),
	}, nil
}

// sum adds up the series of a metric, but for those of a method.
func sum(family *dto.MetricFamily, but string) (total float64) {
	for _, metric := range family.GetMetric() {
		left := false
		for _, label := range metric.GetLabel() {
			left = left || label.GetName() == "method" && label.GetValue() == but
		}
		if !left {
			total += metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + metric.GetUntyped().GetValue()
		}
	}
	return total
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak returns the most RSS that the process has had, in MB.
func (o *operator) peak() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.Process.Process.Pid))
	if err != nil {
		return 0, err
	}
	found := highWater.FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("no peak of the RSS in the status of process %d", o.Process.Process.Pid)
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	return kilobytes * 1024 / 1e6, err
}
