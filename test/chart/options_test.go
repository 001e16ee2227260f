package chart_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// own is the release of the tests that only render. Its name makes the names short.
var own = release{name: "clbtask-operator", namespace: "clbtask-system"}

const crdName = "clbtasks.clb.tencentcloud.com"

// The objects of own.
const (
	aDeployment = "Deployment clbtask-system/clbtask-operator"
	anAccount   = "ServiceAccount clbtask-system/clbtask-operator"
	aBudget     = "PodDisruptionBudget clbtask-system/clbtask-operator"
	aPolicy     = "NetworkPolicy clbtask-system/clbtask-operator"
	aMonitor    = "ServiceMonitor clbtask-system/clbtask-operator-metrics"
	aService    = "Service clbtask-system/clbtask-operator-metrics"
	theCRD      = "CustomResourceDefinition " + crdName

	ownKey      = "Role clbtask-system/clbtask-operator-credentials"
	ownLease    = "Role clbtask-system/clbtask-operator-leader-election"
	metricsAuth = "ClusterRole clbtask-system:clbtask-operator-metrics-auth"
	clusterOwn  = "ClusterRole clbtask-system:clbtask-operator"
)

// option is a way to set values.
type option struct {
	values string
	object string // The one that is compared, by its key in objects.
	has    string // What it contains.
	lacks  string // What it does not contain.
	absent string // Comma-separated kinds or keys that are not there.
}

// manager is a fragment of the Deployment: what its container has.
func manager(fragment string) string {
	return "spec: {template: {spec: {containers: [{name: manager, " + fragment + "}]}}}"
}

// pod is a fragment of the Deployment: what its pods have.
func pod(fragment string) string { return "spec: {template: {spec: {" + fragment + "}}}" }

func TestEachOption(t *testing.T) {
	for _, namespace := range []string{own.namespace, "shop", "web"} {
		createNamespace(t, namespace)
	}
	for sentence, o := range allOptions() {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := own
			r.values = o.values
			all := render(t, r)
			o.compare(t, all)
			all.valid(t)
		})
	}
}

// valid checks that the API server and kubeconform take the objects. The Prometheus
// Operator's are compared with its types.
func (all objects) valid(t *testing.T) {
	t.Helper()
	for key, object := range all {
		if into, known := monitoringKinds[object.GetKind()]; known {
			text, _ := yaml.Marshal(object.Object)
			if err := yaml.UnmarshalStrict(text, into()); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		} else if _, err := dryRun(t.Context(), object); err != nil {
			t.Errorf("the API server refuses %s: %v", key, err)
		} else if err := conform(object); err != nil {
			t.Errorf("kubeconform refuses %s: %v", key, err)
		}
	}
}

func (o option) compare(t *testing.T, all objects) {
	t.Helper()
	for kind := range strings.SplitSeq(o.absent, ",") {
		for key := range all {
			if kind != "" && (key == kind || strings.HasPrefix(key, kind+" ")) {
				t.Errorf("%s is there", key)
			}
		}
	}
	if o.object == "" {
		return
	}
	object := all[o.object]
	if object == nil {
		t.Fatalf("there is no %s, but %q", o.object, slices.Sorted(maps.Keys(all)))
	}
	for fragment, want := range map[string]bool{o.has: true, o.lacks: false} {
		var value any
		if err := yaml.Unmarshal([]byte(fragment), &value); err != nil {
			t.Fatalf("%v in %s", err, fragment)
		}
		if value != nil && contains(object.Object, value) != want {
			text, _ := yaml.Marshal(object.Object)
			t.Errorf("that it has\n%s\nshould be %v:\n%s", fragment, want, text)
		}
	}
}

// TestEveryValueHasAnOption finds a value that no option sets.
func TestEveryValueHasAnOption(t *testing.T) {
	unset := leaves(t)
	for sentence, o := range allOptions() {
		var values map[string]any
		if err := yaml.Unmarshal([]byte(o.values), &values); err != nil {
			t.Fatalf("%s: %v", sentence, err)
		}
		maps.DeleteFunc(unset, func(path, _ string) bool { return set(values, strings.Split(path, ".")) })
	}
	if len(unset) > 0 {
		t.Errorf("no option sets %q", slices.Sorted(maps.Keys(unset)))
	}
}

func set(values map[string]any, path []string) bool {
	value, has := values[path[0]]
	if !has || len(path) == 1 {
		return has
	}
	deeper, _ := value.(map[string]any)
	return set(deeper, path[1:])
}

// allOptions are those of all tables, by a sentence each.
func allOptions() map[string]option {
	all := map[string]option{}
	for _, table := range []map[string]option{namingOptions, accessOptions, podOptions, watchingOptions, monitoringOptions} {
		maps.Copy(all, table)
	}
	return all
}
