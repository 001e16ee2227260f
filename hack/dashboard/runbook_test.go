package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// entries returns the headings of docs/runbook.md.
func entries(t *testing.T) (found []string) {
	t.Helper()
	for _, match := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(read(t, "docs/runbook.md"), -1) {
		found = append(found, match[1])
	}
	return found
}

func TestTheRunbookHasAnEntryForEachAlertAndReason(t *testing.T) {
	found := entries(t)
	var wanted []string
	for _, a := range alerts(t) {
		wanted = append(wanted, a.Name)
		if want := "https://github.com/clbtask/clbtask-operator/blob/main/docs/runbook.md#" + strings.ToLower(a.Name); a.Annotations["runbook_url"] != want {
			t.Errorf("the runbook of %s is %q, want %q", a.Name, a.Annotations["runbook_url"], want)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) {
			t.Errorf("%s lacks a summary, a description or a severity", a.Name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^\tReason\w+ = "(\w+)"$`).FindAllStringSubmatch(read(t, "api/v1alpha1/conditions.go"), -1) {
		wanted = append(wanted, match[1])
	}
	slices.Sort(wanted)
	slices.Sort(found)
	if !slices.Equal(found, wanted) {
		t.Errorf("docs/runbook.md has entries for\n%q\nwant\n%q", found, wanted)
	}
}

// TestEachAlertIsTested finds an alert that no test of promtool lets fire, or none keeps
// quiet.
func TestEachAlertIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			Cases []struct {
				Name     string `json:"alertname"`
				Expected []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "config/monitoring/rules_test.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	tested := map[string][2]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			seen := tested[c.Name]
			seen[min(len(c.Expected), 1)] = true
			tested[c.Name] = seen
		}
	}
	for _, a := range alerts(t) {
		if tested[a.Name] != [2]bool{true, true} {
			t.Errorf("the tests of %s cover quiet and fire: %v", a.Name, tested[a.Name])
		}
	}
}
