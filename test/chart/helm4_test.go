package chart_test

import (
	"errors"
	"log/slog"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	helmrelease "helm.sh/helm/v4/pkg/release"
)

type helm4 struct{}

// prepare returns what each call needs.
func (helm4) prepare(r release) (*action.Configuration, chart.Charter, map[string]any, error) {
	configuration := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	loaded, loadErr := loader.Load(r.path())
	values, valuesErr := r.parsed()
	return configuration, loaded, values, errors.Join(loadErr, valuesErr, configuration.Init(flags(r.namespace), r.namespace, "secret"))
}

func (h helm4) template(r release) (manifest, notes string, err error) {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return "", "", err
	}
	version, err := common.ParseKubeVersion(oldest)
	if err != nil {
		return "", "", err
	}
	install := action.NewInstall(configuration)
	install.ReleaseName, install.Namespace = r.name, r.namespace
	install.DryRunStrategy, install.KubeVersion = action.DryRunClient, version
	rendered, err := install.Run(loaded, values)
	if err != nil {
		return "", "", err
	}
	accessor, err := helmrelease.NewAccessor(rendered)
	if err != nil {
		return "", "", err
	}
	return accessor.Manifest(), accessor.Notes(), nil
}

func (h helm4) install(r release) error {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return err
	}
	install := action.NewInstall(configuration)
	install.ReleaseName, install.Namespace, install.CreateNamespace = r.name, r.namespace, true
	install.WaitStrategy = kube.HookOnlyStrategy
	install.TakeOwnership, install.ForceConflicts = r.takeOver, r.takeOver
	_, err = install.Run(loaded, values)
	return err
}

func (h helm4) upgrade(r release) error {
	configuration, loaded, values, err := h.prepare(r)
	if err != nil {
		return err
	}
	upgrade := action.NewUpgrade(configuration)
	upgrade.Namespace, upgrade.WaitStrategy = r.namespace, kube.HookOnlyStrategy
	_, err = upgrade.Run(r.name, loaded, values)
	return err
}

func (h helm4) uninstall(r release) error {
	configuration, _, _, err := h.prepare(r)
	if err != nil {
		return err
	}
	uninstall := action.NewUninstall(configuration)
	uninstall.WaitStrategy = kube.HookOnlyStrategy
	_, err = uninstall.Run(r.name)
	return err
}

func (helm4) lint(values map[string]any) []error {
	return action.NewLint().Run([]string{chartPath}, values).Errors
}
