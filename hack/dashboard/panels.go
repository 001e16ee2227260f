package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// query is a query with the legend of its series. In its text, {} selects the chosen
// installations, and {matcher, } does so among other things.
type query struct{ text, legend string }

var rows = []row{
	{"Now", []cog.Builder[dashboard.Panel]{
		number("Leaders", "Replicas that poll the API: one for each installation.", units.Short,
			[]dashboard.Threshold{{Color: "red"}, {Color: "green", Value: new(1.0)}},
			query{text: `sum(leader_election_master_status{})`}),
		number("Tracked requests", "Requests that the leader polls the API for.", units.Short, neutral,
			query{text: `sum(clbtask_tracked_requests{})`}),
		number("Most overdue", "How long the request has been due that has waited longest for its turn.", units.Seconds, above(30, 60),
			query{text: `max(clbtask_overdue_seconds{})`}),
		number("Detection delay bound, p95", "How stale 95 % of the verdicts are at most.", units.Seconds, neutral,
			query{text: quantile("0.95", "", "clbtask_detection_delay_bound_seconds_bucket")}),
		number("Failed calls", "Share of the calls of DescribeTaskStatus that failed.", units.PercentUnit, above(0.1, 0.5),
			query{text: `sum(rate(clbtask_api_calls_total{class!="", }[$__rate_interval])) / (sum(rate(clbtask_api_calls_total{}[$__rate_interval])) > 0) or vector(0)`}),
		number("Simulator", "Whether an installation polls the simulator instead of Tencent Cloud.", units.Short, above(1, 1),
			query{text: `max(clbtask_simulated{}) or vector(0)`}).
			Mappings([]dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{
				"0": {Text: new("off")}, "1": {Text: new("ON")},
			}}}}),
	}},
	{"Finished tasks", []cog.Builder[dashboard.Panel]{
		graph(8, "Finished tasks by phase and reason", "Tasks that reached a final phase, each minute.", units.CountsPerMinute,
			query{`60 * sum by (phase, reason) (rate(clbtask_tasks_finished_total{}[$__rate_interval]))`, "{{phase}}: {{reason}}"}),
		graph(8, "Creation to end", "Time from the creation of a CLBTask to its final phase.", units.Seconds,
			query{quantile("0.5", "phase", "clbtask_task_duration_seconds_bucket"), "{{phase}} p50"},
			query{quantile("0.95", "phase", "clbtask_task_duration_seconds_bucket"), "{{phase}} p95"}),
		graph(8, "Detection delay bound", "Time from the last poll that was answered in progress to the one that brought the verdict. The task ended in between.", units.Seconds,
			query{quantile("0.5", "", "clbtask_detection_delay_bound_seconds_bucket"), "p50"},
			query{quantile("0.95", "", "clbtask_detection_delay_bound_seconds_bucket"), "p95"}),
	}},
	{"Calls of the API", []cog.Builder[dashboard.Panel]{
		graph(8, "Calls by host and code", "Calls of DescribeTaskStatus.", units.RequestsPerSecond,
			query{`sum by (host, code) (rate(clbtask_api_calls_total{}[$__rate_interval]))`, "{{host}} {{code}}"}),
		graph(8, "Failed calls by class", "What failed calls are about: the request, the endpoint, the account or its quota.", units.RequestsPerSecond,
			query{`sum by (class) (rate(clbtask_api_calls_total{class!="", }[$__rate_interval]))`, "{{class}}"}),
		graph(8, "Call latency", "Duration of a call of DescribeTaskStatus.", units.Seconds,
			query{quantile("0.5", "host", "clbtask_api_call_duration_seconds_bucket"), "{{host}} p50"},
			query{quantile("0.95", "host", "clbtask_api_call_duration_seconds_bucket"), "{{host}} p95"}),
	}},
	{"Quota and order of polls", []cog.Builder[dashboard.Panel]{
		graph(6, "Quota slots", "Calls a second that may be made now, and those that are taken. Fewer are owned than configured if other programs use the quota.", units.Short,
			query{`sum by (host) (clbtask_quota_slots{})`, "{{host}} owned"},
			query{`sum by (host) (clbtask_quota_slots_in_use{})`, "{{host}} in use"}),
		graph(6, "Tracked requests", "Requests that are polled. Pending ones have had no answer yet.", units.Short,
			query{`sum by (host, phase) (clbtask_tracked_requests{})`, "{{host}} {{phase}}"}),
		graph(6, "Most overdue request", "How long the request has been due that has waited longest for its turn.", units.Seconds,
			query{`max by (host) (clbtask_overdue_seconds{})`, "{{host}}"}),
		graph(6, "Poll queue wait", "How long a request that was due waited for its turn.", units.Seconds,
			query{quantile("0.5", "", "clbtask_poll_queue_duration_seconds_bucket"), "p50"},
			query{quantile("0.95", "", "clbtask_poll_queue_duration_seconds_bucket"), "p95"}),
	}},
	{"Operator", []cog.Builder[dashboard.Panel]{
		graph(6, "Leader", "1 for the replica that leads.", units.Short,
			query{`max by (namespace, instance) (leader_election_master_status{})`, "{{namespace}} {{instance}}"}).
			LineInterpolation(common.LineInterpolationStepAfter).Max(1),
		graph(6, "Reconciles", "Reconciles by result.", units.OpsPerSecond,
			query{`sum by (result) (rate(controller_runtime_reconcile_total{controller="clbtask", }[$__rate_interval]))`, "{{result}}"}),
		graph(6, "Memory", "Resident memory of each replica.", units.BytesIEC,
			query{`sum by (namespace, instance) (process_resident_memory_bytes{})`, "{{namespace}} {{instance}}"}),
		graph(6, "CPU", "CPU time of each replica: 1 is a whole core.", units.Short,
			query{`sum by (namespace, instance) (rate(process_cpu_seconds_total{}[$__rate_interval]))`, "{{namespace}} {{instance}}"}),
	}},
}

// quantile returns a query for a quantile of a histogram by a label, or of all.
func quantile(q, label, buckets string) string {
	labels := strings.TrimSuffix("le, "+label, ", ")
	return "histogram_quantile(" + q + ", sum by (" + labels + ") (rate(" + buckets + "{}[$__rate_interval])))"
}

func (q query) target() *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		Datasource(source).
		Expr(strings.NewReplacer(", }", `, namespace=~"$namespace", job=~"$job"}`, "{}", `{namespace=~"$namespace", job=~"$job"}`).Replace(q.text)).
		Range().
		LegendFormat(q.legend)
}

// graph is a panel of some width, of 24, with lines.
func graph(width uint32, title, description, unit string, queries ...query) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		Title(title).Description(description).Datasource(source).
		Unit(unit).Min(0).
		Span(width).Height(8).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		LineWidth(1).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti))
	for i, q := range queries {
		p.WithTarget(q.target().RefId(string(rune('A' + i))))
	}
	return p
}

// number is a panel with the last value of a query.
func number(title, description, unit string, steps []dashboard.Threshold, q query) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Datasource(source).
		Unit(unit).Min(0).
		Span(4).Height(4).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		GraphMode(common.BigValueGraphModeArea).
		WithTarget(q.target().RefId("A"))
}

var neutral = []dashboard.Threshold{{Color: "blue"}}

// above is green, and another colour from a value on.
func above(warning, critical float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: "green"}, {Color: "orange", Value: &warning}, {Color: "red", Value: &critical}}
}
