package chart_test

import (
	"errors"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
)

type helm3 struct{}

// prepare returns what each call needs.
func (helm3) prepare(r release) (*action.Configuration, *chart.Chart, map[string]any, error) {
	configuration := new(action.Configuration)
	loaded, loadErr := loader.Load(r.path())
	values, valuesErr := r.parsed()
	return configuration, loaded, values, errors.Join(loadErr, valuesErr, configuration.Init(flags(r.namespace), r.namespace, "secret", func(string, ...any) {}))
}

func (h helm3) template(r release) (manifest, notes string, err error) {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return "", "", err
	}
	version, err := chartutil.ParseKubeVersion(oldest)
	if err != nil {
		return "", "", err
	}
	install := action.NewInstall(configuration)
	install.ReleaseName, install.Namespace = r.name, r.namespace
	install.ClientOnly, install.DryRun, install.KubeVersion = true, true, version
	rendered, err := install.Run(loaded, values)
	if err != nil {
		return "", "", err
	}
	return rendered.Manifest, rendered.Info.Notes, nil
}

func (h helm3) install(r release) error {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return err
	}
	install := action.NewInstall(configuration)
	install.ReleaseName, install.Namespace, install.CreateNamespace = r.name, r.namespace, true
	install.TakeOwnership = r.takeOver
	_, err = install.Run(loaded, values)
	return err
}

func (h helm3) upgrade(r release) error {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return err
	}
	upgrade := action.NewUpgrade(configuration)
	upgrade.Namespace = r.namespace
	_, err = upgrade.Run(r.name, loaded, values)
	return err
}

func (h helm3) uninstall(r release) error {
	configuration, _, _, err := h.prepare(r)
	if err != nil {
		return err
	}
	_, err = action.NewUninstall(configuration).Run(r.name)
	return err
}

func (helm3) lint(values map[string]any) []error {
	return action.NewLint().Run([]string{chartPath}, values).Errors
}
