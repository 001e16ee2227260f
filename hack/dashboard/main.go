// Program dashboard writes the Grafana dashboard to standard output. `make generate` runs
// it. Panels are in panels.go.
//
// This module is one of its own because the operator must not depend on Grafana's SDK.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	built, err := build()
	if err == nil {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(built)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// source is the data source that the reader of the dashboard chooses. An exported
// dashboard would have ${DS_...}, which only an import by hand replaces.
var source = common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}

// build uses the format that every version of Grafana reads; the newer one is for new
// versions alone.
func build() (dashboard.Dashboard, error) { //nolint:staticcheck // See above.
	b := dashboard.NewDashboardBuilder("clbtask-operator"). //nolint:staticcheck // See above.
								Uid("clbtask-operator").
								Description("Asynchronous tasks of Tencent Cloud's load balancer (CLB), as clbtask-operator follows them.").
								Tags([]string{"clbtask", "tencent-cloud", "kubernetes"}).
								Timezone("browser").
								Time("now-1h", "now").
								Refresh("30s").
								Tooltip(dashboard.DashboardCursorSyncCrosshair).
								Link(dashboard.NewDashboardLinkBuilder("Runbook").Type(dashboard.DashboardLinkTypeLink).Icon("doc").TargetBlank(true).
									Url("https://github.com/clbtask/clbtask-operator/blob/main/docs/runbook.md")).
								WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
								WithVariable(choice("namespace", "Namespace", "label_values("+anyTarget+", namespace)").AllValue(".*")). // It matches targets without a namespace, too.
								WithVariable(choice("job", "Job", "label_values("+anyTarget+`{namespace=~"$namespace"}, job)`))
	for _, row := range rows {
		b.WithRow(dashboard.NewRowBuilder(row.title))
		for _, p := range row.panels {
			b.WithPanel(p)
		}
	}
	built, err := b.Build()
	for i, p := range built.Panels {
		id := uint32(i + 1)
		if p.RowPanel != nil {
			p.RowPanel.Id = id
		} else {
			p.Panel.Id = &id
		}
	}
	return built, err
}

// anyTarget is a metric that every replica has from its start.
const anyTarget = "clbtask_poll_queue_duration_seconds_count"

// choice is a variable with the values that a label has.
func choice(name, label, query string) *dashboard.QueryVariableBuilder {
	all := dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc).
		Multi(true).
		IncludeAll(true).
		Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}, Value: all})
}

type row struct {
	title  string
	panels []cog.Builder[dashboard.Panel]
}
