package chart_test

// watchingOptions are those of metrics, disruptions and the network.
var watchingOptions = map[string]option{
	"metrics have a port": {
		values: "metrics: {port: 9090}",
		object: aDeployment,
		has:    manager("args: ['--metrics-bind-address=:9090'], ports: [{name: metrics, containerPort: 9090}]"),
	},
	"metrics can be switched off": {
		values: "metrics: {enabled: false}",
		object: aDeployment,
		has:    manager("args: [--metrics-bind-address=0]"),
		lacks:  manager("ports: [{name: metrics}]"),
		absent: metricsAuth,
	},
	"plain metrics need no ClusterRole": {
		values: "metrics: {secure: false}",
		object: aDeployment,
		has:    manager("args: [--metrics-secure=false]"),
		absent: metricsAuth,
	},
	"metrics can have a certificate": {
		values: "metrics: {certificateSecret: tls}",
		object: aDeployment,
		has: pod("volumes: [{name: metrics-certificate, secret: {secretName: tls}}]," +
			" containers: [{args: [--metrics-cert-dir=/metrics-certificate], volumeMounts: [{name: metrics-certificate, mountPath: /metrics-certificate, readOnly: true}]}]"),
	},
	"secure metrics may have their ClusterRoles beside watched namespaces": {
		values: "{watchNamespaces: [shop], metrics: {clusterRoles: true}}",
		object: metricsAuth,
		has:    "rules: [{resources: [tokenreviews], verbs: [create]}, {resources: [subjectaccessreviews]}]",
		absent: clusterOwn,
	},
	"a ServiceMonitor has what a Prometheus selects by": {
		values: "serviceMonitor: {enabled: true, insecureSkipVerify: true, labels: {prom_id: prom-1}, annotations: {note: x}, interval: 1m30s, scrapeTimeout: 10s," +
			" relabelings: [{action: labeldrop, regex: pod}], metricRelabelings: [{action: keep, sourceLabels: [__name__], regex: clbtask_.*}]}",
		object: aMonitor,
		has: "{metadata: {labels: {prom_id: prom-1}, annotations: {note: x}}, spec: {endpoints: [{port: metrics, interval: 1m30s, scrapeTimeout: 10s," +
			" tlsConfig: {insecureSkipVerify: true}, relabelings: [{regex: pod}], metricRelabelings: [{regex: clbtask_.*}]}]," +
			" namespaceSelector: {matchNames: [clbtask-system]}, selector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}}}",
	},
	"a ServiceMonitor verifies the certificate and has a token of its own": {
		values: "{serviceMonitor: {enabled: true}, metrics: {certificateSecret: tls}}",
		object: aMonitor,
		has: "spec: {endpoints: [{scheme: https, authorization: {credentials: {name: clbtask-operator-metrics, key: token}}, tlsConfig: {insecureSkipVerify: false," +
			" serverName: clbtask-operator-metrics.clbtask-system.svc, ca: {secret: {name: tls, key: ca.crt}}}}]}",
	},
	"the token of a ServiceMonitor may read the metrics and nothing else": {
		values: "{serviceMonitor: {enabled: true}, metrics: {certificateSecret: tls}}",
		object: "ClusterRoleBinding clbtask-system:clbtask-operator-metrics-reader",
		has:    "{roleRef: {name: 'clbtask-system:clbtask-operator-metrics-reader'}, subjects: [{name: clbtask-operator-metrics, namespace: clbtask-system}]}",
	},
	"the token of a ServiceMonitor is in a Secret": {
		values: "{serviceMonitor: {enabled: true}, metrics: {certificateSecret: tls}}",
		object: "Secret clbtask-system/clbtask-operator-metrics",
		has:    "{type: kubernetes.io/service-account-token, metadata: {annotations: {kubernetes.io/service-account.name: clbtask-operator-metrics}}}",
	},
	"a ServiceMonitor of plain metrics has no token": {
		values: "{serviceMonitor: {enabled: true}, metrics: {secure: false}}",
		object: aMonitor,
		has:    "spec: {endpoints: [{port: metrics}]}",
		lacks:  "spec: {endpoints: [{scheme: https}]}",
		absent: "Secret," + metricsAuth,
	},
	"a ServiceMonitor comes with the Service that it selects": {
		values: "{serviceMonitor: {enabled: true}, metrics: {port: 9090, secure: false}}",
		object: aService,
		has: "{metadata: {labels: {app.kubernetes.io/instance: clbtask-operator}}, spec: {selector: {app.kubernetes.io/instance: clbtask-operator}," +
			" ports: [{name: metrics, port: 9090, targetPort: metrics}]}}",
	},
	"there is no ServiceMonitor and no NetworkPolicy by default": {absent: "ServiceMonitor,Service,NetworkPolicy"},
	"a budget may be what must stay": {
		values: "podDisruptionBudget: {minAvailable: 1, unhealthyPodEvictionPolicy: IfHealthyBudget}",
		object: aBudget,
		has:    "spec: {minAvailable: 1, unhealthyPodEvictionPolicy: IfHealthyBudget}",
		lacks:  "spec: {maxUnavailable: 1}",
	},
	"a budget may be zero": {
		values: "podDisruptionBudget: {minAvailable: 0}",
		object: aBudget,
		has:    "spec: {minAvailable: 0}",
	},
	"a budget may be a share": {
		values: "podDisruptionBudget: {maxUnavailable: 50%}",
		object: aBudget,
		has:    "spec: {maxUnavailable: 50%, selector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}}",
	},
	"the budget can be switched off": {
		values: "podDisruptionBudget: {enabled: false}",
		absent: "PodDisruptionBudget",
	},
	"a NetworkPolicy lets through what the operator needs": {
		values: "networkPolicy: {enabled: true}",
		object: aPolicy,
		has: "spec: {policyTypes: [Ingress, Egress], podSelector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}," +
			" ingress: [{ports: [{port: metrics}]}], egress: [{ports: [{port: 53}, {port: 443}, {port: 6443}]}]}",
	},
	"the rules of the NetworkPolicy can be replaced": {
		values: "networkPolicy: {enabled: true, ingress: [], egress: [{ports: [{port: 8443}]}]}",
		object: aPolicy,
		has:    "spec: {ingress: [], egress: [{ports: [{port: 8443}]}]}",
		lacks:  "spec: {egress: [{ports: [{port: 443}]}]}",
	},
}
