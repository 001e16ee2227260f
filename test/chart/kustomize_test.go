package chart_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// names are those of the chart by those of config/default.
var names = map[string]string{
	"clbtask-controller-manager": "clbtask-operator",
	"clbtask-leader-election":    "clbtask-operator-leader-election",
	"clbtask-credentials":        "clbtask-operator-credentials",
	"clbtask-manager":            "clbtask-system:clbtask-operator",
	"clbtask-credentials-reader": "clbtask-system:clbtask-operator-credentials-reader",
	"clbtask-metrics-auth":       "clbtask-system:clbtask-operator-metrics-auth",
	"clbtask-metrics-reader":     "clbtask-system:clbtask-operator-metrics-reader",
	"clbtask-editor":             "clbtask-system:clbtask-operator-editor",
	"clbtask-viewer":             "clbtask-system:clbtask-operator-viewer",

	// The lease.
	"clbtask-operator.clb.tencentcloud.com":                      "clbtask-operator",
	"--leader-election-id=clbtask-operator.clb.tencentcloud.com": "--leader-election-id=clbtask-operator",
}

// TestDefaultsAreThoseOfKustomize compares what the API server makes of both.
func TestDefaultsAreThoseOfKustomize(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+"/config/default")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	kustomized, err := decode(string(manifest))
	if err != nil {
		t.Fatal(err)
	}
	// Helm creates the namespace, or somebody else.
	namespace := "Namespace " + own.namespace
	if kustomized[namespace] == nil {
		t.Errorf("config/default has no %s", namespace)
	}
	delete(kustomized, namespace)
	createNamespace(t, own.namespace)
	want, got := normalised(t, kustomized), normalised(t, render(t, own))
	if !reflect.DeepEqual(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		t.Errorf("the chart has %q\nconfig/default has %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for key, object := range want {
		if other, has := got[key]; has && other != object {
			t.Errorf("%s of the chart:\n%s\nof config/default:\n%s", key, other, object)
		}
	}
}

// normalised returns the objects as YAML, with the server's defaults, the chart's names
// and without what belongs to Helm or to the server.
func normalised(t *testing.T, all objects) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for key, object := range all {
		checked, err := dryRun(t.Context(), object)
		if err != nil {
			t.Fatalf("the API server refuses %s: %v", key, err)
		}
		for _, field := range []string{"uid", "creationTimestamp", "generation", "managedFields", "resourceVersion"} {
			unstructured.RemoveNestedField(checked.Object, "metadata", field)
		}
		unstructured.RemoveNestedField(checked.Object, "status")
		content, _ := renamed(checked.Object).(map[string]any)
		text, err := yaml.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		texts[fmt.Sprint(object.GetKind(), " ", at(content, "metadata.name"))] = string(text)
	}
	return texts
}

// renamed replaces the names of config/default and drops the labels that say what an
// object belongs to, and all that is empty without them.
func renamed(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, below := range v {
			ours := strings.HasPrefix(key, "app.kubernetes.io/") || strings.HasPrefix(key, "helm.sh/")
			if below = renamed(below); !ours && !reflect.DeepEqual(below, map[string]any{}) {
				kept[key] = below
			}
		}
		return kept
	case []any:
		kept := make([]any, 0, len(v))
		for _, below := range v {
			kept = append(kept, renamed(below))
		}
		return kept
	case string:
		if name, has := names[v]; has {
			return name
		}
	}
	return value
}

func TestTheCRDIsThatOfTheOperator(t *testing.T) {
	all := render(t, own)
	spec := at(all[theCRD].Object, "spec")
	kustomized, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+"/config/crd")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := kustomized.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	generated, err := decode(string(manifest))
	if err != nil {
		t.Fatal(err)
	}
	if want := at(generated[theCRD].Object, "spec"); !reflect.DeepEqual(spec, want) {
		t.Error("the chart's CRD differs from config/crd/bases: run `make generate`")
	}
}
