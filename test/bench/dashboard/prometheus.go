package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/clbtask/clbtask-operator/internal/testenv/realenv"
	"github.com/clbtask/clbtask-operator/test/bench/process"
)

const (
	scrapeInterval = 5 * time.Second
	// job is what the samples are from.
	job = "clbtask-operator"
)

// prometheus is a Prometheus that runs.
type prometheus struct {
	*process.Process
	url string
}

// startPrometheus starts a Prometheus that scrapes by TLS, with a token.
func startPrometheus(ctx context.Context, folder, token, rules string, targets []string) (*prometheus, error) {
	rules, err := filepath.Abs(rules)
	if err != nil {
		return nil, err
	}
	listed, err := json.Marshal(targets)
	if err != nil {
		return nil, err
	}
	settings := fmt.Sprintf(`
global: {scrape_interval: %v, evaluation_interval: %[1]v}
rule_files: [%s]
scrape_configs:
- job_name: %s
  scheme: https
  authorization: {credentials: %s}
  tls_config: {ca_file: %s}
  static_configs:
  - {targets: %s, labels: {namespace: %s}}
`, scrapeInterval, rules, job, token, filepath.Join(folder, "tls.crt"), listed, namespace)
	file := filepath.Join(folder, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	address, err := realenv.FreeAddress()
	if err != nil {
		return nil, err
	}
	running, err := process.Start(ctx, filepath.Join(folder, "prometheus.log"), nil, "prometheus",
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(folder, "tsdb"), "--web.listen-address="+address)
	return &prometheus{running, "http://" + address}, err
}

// get reads the data of an answer of the API.
func (p *prometheus) get(ctx context.Context, path string, query url.Values, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer := struct {
		Error string `json:"error"`
		Data  any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return fmt.Errorf("%s: %s", query.Get("query"), answer.Error)
	}
	return nil
}

// series is one line of a panel.
type series struct {
	name   string
	points []point
}

type point struct{ at, value float64 } // Seconds since the begin.

// rangeOf runs a query of the dashboard for the time of the run.
func (p *prometheus) rangeOf(ctx context.Context, t target, begun, ended time.Time) (found []series, err error) {
	expression := strings.NewReplacer("$__rate_interval", "30s", "$namespace", namespace, "$job", job).Replace(t.Expr)
	var data struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Values [][2]any          `json:"values"`
		} `json:"result"`
	}
	err = p.get(ctx, "/api/v1/query_range", url.Values{
		"query": {expression}, "step": {scrapeInterval.String()},
		"start": {strconv.FormatInt(begun.Unix(), 10)}, "end": {strconv.FormatInt(ended.Unix(), 10)},
	}, &data)
	if err != nil {
		return nil, err
	}
	for _, result := range data.Result {
		s := series{name: legend(t.LegendFormat, result.Metric)}
		for _, value := range result.Values {
			at, _ := value[0].(float64)
			text, _ := value[1].(string)
			number, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, err
			}
			if !math.IsNaN(number) && !math.IsInf(number, 0) {
				s.points = append(s.points, point{at - float64(begun.Unix()), number})
			}
		}
		if len(s.points) > 0 {
			found = append(found, s)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no data for %s", expression)
	}
	return found, nil
}

// instance returns the target of the one sample that a query finds.
func (p *prometheus) instance(ctx context.Context, query string) (string, error) {
	var data struct {
		Result []struct {
			Metric struct{ Instance string } `json:"metric"`
		} `json:"result"`
	}
	err := p.get(ctx, "/api/v1/query", url.Values{"query": {query}}, &data)
	if err == nil && len(data.Result) != 1 {
		err = fmt.Errorf("%s has %d results", query, len(data.Result))
	}
	if err != nil {
		return "", err
	}
	return data.Result[0].Metric.Instance, nil
}

var placeholder = regexp.MustCompile(`\{\{(\w+)\}\}`)

// legend fills in the name of a series, as Grafana does.
func legend(format string, labels map[string]string) string {
	return placeholder.ReplaceAllStringFunc(format, func(name string) string { return labels[strings.Trim(name, "{}")] })
}

// fill runs the queries of all panels.
func (p *prometheus) fill(ctx context.Context, all []*panel, begun, ended time.Time) error {
	for _, panel := range all {
		for _, t := range panel.Targets {
			found, err := p.rangeOf(ctx, t, begun, ended)
			if err != nil {
				return fmt.Errorf("%s: %w", panel.Title, err)
			}
			panel.series = append(panel.series, found...)
		}
	}
	return nil
}

// reportAlerts prints the alerts that have been pending or firing at some time.
func (p *prometheus) reportAlerts(ctx context.Context) error {
	var data struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
		} `json:"result"`
	}
	if err := p.get(ctx, "/api/v1/query", url.Values{"query": {"count by (alertname, alertstate, host, code) (last_over_time(ALERTS[1h]))"}}, &data); err != nil {
		return err
	}
	for _, result := range data.Result {
		fmt.Println("alert:", result.Metric)
	}
	return nil
}
