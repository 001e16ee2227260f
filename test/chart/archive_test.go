package chart_test

import (
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
)

// TestTheArchiveInstalls installs the chart from an archive, as a release has it.
func TestTheArchiveInstalls(t *testing.T) {
	createNamespace(t, own.namespace)
	pack := action.NewPackage()
	pack.Version, pack.AppVersion, pack.Destination = "0.1.0", "v0.1.0", t.TempDir()
	pack.SourceDateEpoch = new(time.Unix(0, 0))
	archive, err := pack.Run(chartPath, nil)
	ok(t, err)
	r := own
	r.chart, r.values = archive, "replicaCount: 0"
	option{object: aDeployment, has: manager(`image: "clbtask-operator:v0.1.0"`)}.compare(t, render(t, r))
	removeCRD(t)
	for _, h := range helms {
		r.name = "archive"
		ok(t, h.install(r))
		ok(t, h.upgrade(r))
		ok(t, h.uninstall(r))
	}
}
