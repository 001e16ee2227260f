package chart_test

import (
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"
)

const (
	chartPath = root + "/charts/clbtask-operator"
	// oldest is the oldest Kubernetes that the chart admits.
	oldest = "v1.31.0"
)

// release is what Helm is called for.
type release struct {
	name, namespace string
	values          string // YAML.
	chart           string // The folder, if it is not the repository's chart.
	takeOver        bool   // What is in the cluster already.
}

func (r release) path() string {
	if r.chart != "" {
		return r.chart
	}
	return chartPath
}

func (r release) parsed() (map[string]any, error) {
	values := map[string]any{}
	err := yaml.Unmarshal([]byte(r.values), &values)
	return values, err
}

// helm is a version of Helm. No call waits for pods, since there are none.
type helm interface {
	// template renders without a cluster.
	template(release) (manifest, notes string, err error)
	// lint returns what is wrong with the chart.
	lint(values map[string]any) []error
	install(release) error
	upgrade(release) error
	uninstall(release) error
}

var helms = map[string]helm{"Helm 3": helm3{}, "Helm 4": helm4{}}

// flags are those of a command line. Each call has its own, since they cache what they
// discovered, and a CRD may come in between.
func flags(namespace string) *genericclioptions.ConfigFlags {
	flags := genericclioptions.NewConfigFlags(false)
	flags.KubeConfig, flags.Namespace, flags.CacheDir = &kubeconfig, &namespace, new(kubeconfig+".cache")
	flags.WrapConfigFn = unlimited
	return flags
}
