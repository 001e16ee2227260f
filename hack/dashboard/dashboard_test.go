package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

const root = "../../"

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(root + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// alert is a rule of config/monitoring/rules.yaml.
type alert struct {
	Name        string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alert `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "config/monitoring/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// panels returns those of the generated file, without the rows.
func panels(t *testing.T) (all []dashboard.Panel) {
	t.Helper()
	content := read(t, "config/monitoring/dashboard.json")
	if strings.Contains(content, "${DS_") || strings.Contains(content, "__inputs") {
		t.Error("the dashboard has what only an import by hand replaces")
	}
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	var file dashboard.Dashboard //nolint:staticcheck // See build.
	if err := json.Unmarshal([]byte(content), &file); err != nil {
		t.Fatal(err)
	}
	// A field that Grafana does not know would get lost.
	again, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := generic(t, content), generic(t, string(again)); !reflect.DeepEqual(got, want) {
		t.Errorf("the dashboard has fields that Grafana does not know: run `make generate`")
	}
	for _, p := range file.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboard has no panels")
	}
	return all
}

func generic(t *testing.T, content string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(content), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// documented returns the labels of each metric in docs/metrics.md.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| (.*?) \\|")
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/metrics.md"), -1) {
		name, of := match[1], strings.Split(strings.ReplaceAll(match[3], "`", ""), ", ")
		all[name] = of
		if match[2] == "histogram" {
			all[name+"_bucket"] = append(slices.Clone(of), "le")
			all[name+"_sum"], all[name+"_count"] = of, of
		}
	}
	return all
}

// ofTargets are the labels that a Prometheus adds.
var ofTargets = []string{"cluster", "namespace", "job", "instance"}

func TestQueriesNameMetricsAndLabelsThatThereAre(t *testing.T) {
	texts := map[string]string{}
	for _, p := range panels(t) {
		for _, target := range p.Targets {
			query, err := json.Marshal(target)
			if err != nil {
				t.Fatal(err)
			}
			var fields struct {
				Expr, RefID string
				Datasource  struct{ UID string }
			}
			if err := json.Unmarshal(query, &fields); err != nil || fields.Expr == "" || fields.Datasource.UID != "${datasource}" {
				t.Fatalf("%s has no query of the data source that one chooses: %s, %v", *p.Title, query, err)
			}
			texts[*p.Title+" "+fields.RefID] = strings.ReplaceAll(fields.Expr, "$__rate_interval", "5m")
		}
	}
	for _, a := range alerts(t) {
		texts[a.Name] = a.Expr
	}
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(read(t, "docs/runbook.md"), -1) {
		for line := range strings.Lines(block[1]) {
			texts["the runbook's "+line] = line
		}
	}
	metrics := documented(t)
	for name, text := range texts {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var used []string // Labels to group by, of any of the metrics.
		var known []string
		parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
			switch n := node.(type) {
			case *parser.AggregateExpr:
				used = append(used, n.Grouping...)
			case *parser.BinaryExpr:
				if n.VectorMatching != nil {
					used = append(used, n.VectorMatching.MatchingLabels...)
				}
			case *parser.VectorSelector:
				of, there := metrics[n.Name]
				if !there {
					t.Errorf("%s: docs/metrics.md has no %s", name, n.Name)
				}
				known = append(known, of...)
				for _, matcher := range n.LabelMatchers {
					if !slices.Contains(slices.Concat(of, ofTargets, []string{"__name__"}), matcher.Name) {
						t.Errorf("%s: %s has no label %s", name, n.Name, matcher.Name)
					}
				}
			}
			return nil
		})
		for _, label := range used {
			if !slices.Contains(slices.Concat(known, ofTargets), label) {
				t.Errorf("%s: no metric of it has a label %s", name, label)
			}
		}
	}
}

func TestEachPanelCanBeUnderstood(t *testing.T) {
	all := panels(t)
	for i, p := range all {
		if p.Title == nil || p.Description == nil || p.FieldConfig.Defaults.Unit == nil {
			t.Errorf("panel %d lacks a title, a description or a unit", i)
			continue
		}
		if p.Datasource == nil || *p.Datasource.Uid != "${datasource}" {
			t.Errorf("%s has a data source of its own", *p.Title)
		}
		for _, other := range all[:i] {
			a, b := p.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H || *p.Id == *other.Id {
				t.Errorf("%s is where %s is", *p.Title, *other.Title)
			}
		}
	}
}
