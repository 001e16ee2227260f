package chart_test

import (
	"strings"
	"testing"
)

// badValues are values that can't work, and a part of what Helm says.
var badValues = map[string]struct{ values, says string }{
	// By the schema.
	"a misspelt value is refused":                     {"replicas: 2", "replicas"},
	"a misspelt value deeper down is refused":         {"credentials: {secretKey: abc}", "secretKey"},
	"the quota has a limit":                           {"requestsPerSecond: 21", "requestsPerSecond"},
	"a number is no text":                             {`replicaCount: "2"`, "replicaCount"},
	"a source must be known":                          {"credentials: {source: file}", "source"},
	"a name of a namespace must be one":               {"watchNamespaces: [Shop]", "watchNamespaces"},
	"a digest must be one":                            {"image: {digest: abc}", "digest"},
	"a flag begins with a dash":                       {"extraArgs: [zap-log-level=debug]", "extraArgs"},
	"an interval has a unit":                          {"serviceMonitor: {interval: 30}", "interval"},
	"a map is not taken away":                         {"image: null", "image"},
	"a Secret has a name":                             {`credentials: {existingSecret: ""}`, "existingSecret"},
	"a policy for evictions must be known to the API": {"podDisruptionBudget: {unhealthyPodEvictionPolicy: Always}", "unhealthyPodEvictionPolicy"},

	"the simulator knows no source of keys":         {"{simulator: {enabled: true}, credentials: {source: secret}}", "source"},
	"the simulator knows no Secret":                 {"{simulator: {enabled: true}, credentials: {existingSecret: mine}}", "existingSecret"},
	"the simulator knows no role of a pod":          {"{simulator: {enabled: true}, credentials: {podIdentity: {roleARN: r}}}", "roleARN"},
	"the simulator knows no role to assume":         {"{simulator: {enabled: true}, credentials: {assumeRole: {arn: r}}}", "arn"},
	"the simulator knows no keys of tasks":          {"{simulator: {enabled: true}, perTaskCredentials: {enabled: true, namespaces: [shop]}}", "perTaskCredentials"},
	"the simulator knows no key of the environment": {"{simulator: {enabled: true}, extraEnv: [{name: TENCENTCLOUD_TOKEN, valueFrom: {secretKeyRef: {name: a, key: b}}}]}", "name"},

	// By the templates.
	"the simulator is the only cloud":                           {"{simulator: {enabled: true}, extraArgs: ['--clb-endpoint=https://other']}", "--clb-endpoint, which the chart sets: it is the simulator's"},
	"two replicas need a leader":                                {"leaderElection: {enabled: false}", "set replicaCount to 1 or leaderElection.enabled to true."},
	"a rolling update needs a leader":                           {"{replicaCount: 1, leaderElection: {enabled: false}, strategy: {type: RollingUpdate}}", "set strategy.type to Recreate"},
	"a budget in percent must leave something, too":             {"podDisruptionBudget: {minAvailable: 100%}", "no node can be drained"},
	"a budget must let something be unavailable":                {"podDisruptionBudget: {maxUnavailable: 0}", "no node can be drained"},
	"the lease is released before the pod is killed":            {"terminationGracePeriodSeconds: 5", "set terminationGracePeriodSeconds to 15 or more."},
	"a budget has one limit":                                    {"podDisruptionBudget: {minAvailable: 1, maxUnavailable: 1}", "not both."},
	"a budget must leave something to evict":                    {"podDisruptionBudget: {minAvailable: 2}", "no node can be drained"},
	"a role of pod identity must be used":                       {"credentials: {source: secret, podIdentity: {roleARN: r}}", "not used by credentials.source secret"},
	"a role of pod identity needs a ServiceAccount":             {"{serviceAccount: {create: false, name: a}, credentials: {podIdentity: {roleARN: r}}}", "annotate it and leave the role empty."},
	"pod identity needs a role":                                 {"credentials: {source: pod-identity}", "set credentials.podIdentity.roleARN."},
	"an external ID belongs to a role":                          {"credentials: {assumeRole: {externalID: x}}", "set credentials.assumeRole.arn, too."},
	"a ServiceAccount of somebody else has a name":              {"serviceAccount: {create: false}", "set serviceAccount.name."},
	"namespaces of Secrets need the switch":                     {"perTaskCredentials: {namespaces: [shop]}", "set perTaskCredentials.enabled to true"},
	"Secrets of all namespaces are never given away":            {"perTaskCredentials: {enabled: true}", "set perTaskCredentials.namespaces."},
	"namespaces of Secrets must be watched":                     {"{watchNamespaces: [shop], metrics: {enabled: false}, perTaskCredentials: {enabled: true, namespaces: [web]}}", "has web, which is not watched"},
	"bindings of Secrets need the right to make them":           {"{rbac: {create: false}, perTaskCredentials: {enabled: true, namespaces: [web]}}", "rbac.create=false leaves to you"},
	"a ServiceMonitor needs metrics":                            {"{serviceMonitor: {enabled: true}, metrics: {enabled: false}}", "set metrics.enabled to true."},
	"alerts need metrics":                                       {"{prometheusRule: {enabled: true}, metrics: {enabled: false}}", "set metrics.enabled to true."},
	"a dashboard needs metrics":                                 {"{grafanaDashboard: {enabled: true}, metrics: {enabled: false}}", "set metrics.enabled to true."},
	"an alert to leave out must be one":                         {"prometheusRule: {disabledAlerts: [CLBTaskFine]}", "has CLBTaskFine, which is no alert: there are CLBTaskNoLeader,"},
	"metrics need a port of their own":                          {"metrics: {port: 8081}", "set metrics.port to another."},
	"watched namespaces come without a ClusterRole for metrics": {"watchNamespaces: [shop]", "set metrics.clusterRoles to true, or metrics.secure or metrics.enabled to false."},
	"a self-signed certificate is not verified by accident":     {"serviceMonitor: {enabled: true}", "set metrics.certificateSecret, or serviceMonitor.insecureSkipVerify to true"},
	"a certificate is for TLS":                                  {"metrics: {secure: false, certificateSecret: tls}", "metrics.certificateSecret is for TLS"},
	"a flag that a value sets is refused":                       {"extraArgs: [--watch-namespaces=shop]", "--watch-namespaces, which the chart sets: set watchNamespaces."},
	"a flag with one dash is the same flag":                     {"extraArgs: [-leader-elect=false]", "set leaderElection.enabled."},
	"a key never is a value":                                    {"extraEnv: [{name: TENCENTCLOUD_SECRET_KEY, value: abc}]", "take it from a Secret by valueFrom."},
	"a key comes from one place": {"{credentials: {source: env}, extraEnv: [{name: TENCENTCLOUD_TOKEN, valueFrom: {secretKeyRef: {name: a, key: b}}}]}",
		"TENCENTCLOUD_TOKEN is set twice"},
}

func TestBadValuesFailWithASentence(t *testing.T) {
	for sentence, test := range badValues {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := own
			r.values = test.values
			for version, h := range helms {
				if _, _, err := h.template(r); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s says: %v\nwant: %s", version, err, test.says)
				}
			}
		})
	}
}

func TestHelmFindsNothingWrong(t *testing.T) {
	for version, h := range helms {
		if found := h.lint(nil); len(found) > 0 {
			t.Errorf("%s finds: %v", version, found)
		}
	}
}

func TestTheNotesHaveTheNextCommand(t *testing.T) {
	for sentence, test := range map[string]struct{ values, want, lacks string }{
		"a Secret is needed":           {"", "kubectl -n clbtask-system create secret generic clbtask-operator-credentials", "is false"},
		"another Secret is needed":     {"credentials: {existingSecret: other}", "create secret generic other", "is false"},
		"a machine's role needs none":  {"credentials: {source: cvm-role}", "kind: CLBTask", "create secret"},
		"a CLBTask is where one looks": {"{watchNamespaces: [shop], metrics: {enabled: false}}", "namespace: shop", "namespace: default"},
		"a role must trust the pods":   {"credentials: {podIdentity: {roleARN: r}}", "system:serviceaccount:clbtask-system:clbtask-operator.", "is false"},
		"a simulation is announced":    {"simulator: {enabled: true}", "requestId: sim-succeeds-8s", "create secret"},
		"deletion is announced":        {"crds: {keep: false}", "deletes all CLBTasks", "crds.enabled"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			r := own
			r.values = test.values
			if _, notes := renderWith(t, helm4{}, r); !strings.Contains(notes, test.want) || strings.Contains(notes, test.lacks) {
				t.Errorf("the notes are\n%s\nwant %q and not %q", notes, test.want, test.lacks)
			}
		})
	}
}
