package chart_test

import (
	"reflect"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	theRules     = "PrometheusRule clbtask-system/clbtask-operator"
	theDashboard = "ConfigMap clbtask-system/clbtask-operator-dashboard"
)

// monitoringKinds are those of the Prometheus Operator, which the API server does not know.
var monitoringKinds = map[string]func() any{
	"ServiceMonitor": func() any { return new(monitoringv1.ServiceMonitor) },
	"PrometheusRule": func() any { return new(monitoringv1.PrometheusRule) },
}

// monitoringOptions are those of alerts and the dashboard.
var monitoringOptions = map[string]option{
	"there are no alerts and no dashboard by default": {absent: "PrometheusRule,ConfigMap"},
	"a PrometheusRule has what a Prometheus selects by, and labels to route by": {
		values: "prometheusRule: {enabled: true, labels: {release: prometheus}, annotations: {note: x}, alertLabels: {team: network, severity: page}}",
		object: theRules,
		has: "{metadata: {labels: {release: prometheus, app.kubernetes.io/name: clbtask-operator}, annotations: {note: x}}," +
			" spec: {groups: [{name: clbtask-operator, rules: [{alert: CLBTaskNoLeader, for: 5m, labels: {team: network, severity: page}}, {alert: CLBTaskSimulatorOn}]}]}}",
		lacks:  "spec: {groups: [{rules: [{labels: {severity: critical}}]}]}",
		absent: "ConfigMap",
	},
	"alerts keep their severity": {
		values: "prometheusRule: {enabled: true, alertLabels: {team: network}}",
		object: theRules,
		has:    "spec: {groups: [{rules: [{alert: CLBTaskNoLeader, labels: {team: network, severity: critical}}, {alert: CLBTaskOverdue, labels: {severity: warning}}]}]}",
	},
	"an alert can be left out": {
		values: "prometheusRule: {enabled: true, disabledAlerts: [CLBTaskSimulatorOn]}",
		object: theRules,
		has:    "spec: {groups: [{rules: [{alert: CLBTaskNoLeader}]}]}",
		lacks:  "spec: {groups: [{rules: [{alert: CLBTaskSimulatorOn}]}]}",
	},
	"a dashboard has what Grafana's sidecar selects by": {
		values: "grafanaDashboard: {enabled: true, annotations: {grafana_folder: Network}}",
		object: theDashboard,
		has:    "metadata: {labels: {grafana_dashboard: '1'}, annotations: {grafana_folder: Network}}",
		absent: "PrometheusRule",
	},
	"a dashboard can be in Grafana's namespace and have other labels": {
		values: "grafanaDashboard: {enabled: true, namespace: web, labels: {grafana_dashboard: 'yes', more: x}}",
		object: "ConfigMap web/clbtask-system-clbtask-operator-dashboard",
		has:    "metadata: {labels: {grafana_dashboard: 'yes', more: x}}",
	},
}

// TestAlertsAndDashboardAreThoseOfKustomize compares the chart with config/monitoring.
func TestAlertsAndDashboardAreThoseOfKustomize(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+"/config/monitoring")
	ok(t, err)
	manifest, err := built.AsYaml()
	ok(t, err)
	kustomized, err := decode(string(manifest))
	ok(t, err)
	r := own
	r.values = "{prometheusRule: {enabled: true}, grafanaDashboard: {enabled: true}}"
	rendered := render(t, r)
	for key, part := range map[string]string{theRules: "spec", theDashboard: "data"} {
		chart, other := rendered[key], kustomized[key]
		if chart == nil || other == nil || !reflect.DeepEqual(at(chart.Object, part), at(other.Object, part)) {
			t.Errorf("the %s of the chart is not that of config/monitoring: run `make generate`", key)
		}
	}
	if label := at(kustomized[theDashboard].Object, "metadata.labels.grafana_dashboard"); label != "1" {
		t.Errorf("the label of the dashboard is %v", label)
	}
	createNamespace(t, own.namespace)
	kustomized.valid(t)
}
