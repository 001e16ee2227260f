package chart_test

// namingOptions are those of names, the CRD and other objects.
var namingOptions = map[string]option{
	"a name replaces that of the chart": {
		values: "nameOverride: other",
		object: "Deployment clbtask-system/clbtask-operator-other",
		has:    "spec: {selector: {matchLabels: {app.kubernetes.io/name: other, app.kubernetes.io/instance: clbtask-operator}}}",
	},
	"a full name replaces all": {
		values: "fullnameOverride: other",
		object: "Deployment clbtask-system/other",
		has:    pod("serviceAccountName: other"),
	},
	"a long name leaves room for what is added": {
		values: "{fullnameOverride: a23456789-123456789-123456789-123456789-123456789-123456789, serviceMonitor: {enabled: true, insecureSkipVerify: true}}",
		object: "Service clbtask-system/a23456789-123456789-123456789-123456789-123456789-12345-metrics",
	},
	"labels and annotations are put on all": {
		values: "{commonLabels: {team: net}, commonAnnotations: {note: x}}",
		object: theCRD,
		has:    "metadata: {labels: {team: net, app.kubernetes.io/instance: clbtask-operator}, annotations: {note: x, helm.sh/resource-policy: keep}}",
	},
	"pods have the common labels and annotations": {
		values: "{commonLabels: {team: net, app.kubernetes.io/instance: mine}, commonAnnotations: {note: x}}",
		object: aDeployment,
		has:    "spec: {template: {metadata: {labels: {team: net, app.kubernetes.io/instance: clbtask-operator}, annotations: {note: x}}}}",
	},
	"the CRD can be left to somebody else": {
		values: "crds: {enabled: false}",
		absent: "CustomResourceDefinition",
	},
	"the CRD can go with the release": {
		values: "crds: {keep: false}",
		object: theCRD,
		has:    "spec: {group: clb.tencentcloud.com}",
		lacks:  "metadata: {annotations: {helm.sh/resource-policy: keep}}",
	},
	"objects of one's own are added": {
		values: `extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: clbtask-system}, data: {a: "1"}}]`,
		object: "ConfigMap clbtask-system/mine",
		has:    `data: {a: "1"}`,
	},
	"objects of one's own may be templates": {
		values: `extraObjects: ["{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}-mine', namespace: '{{ .Release.Namespace }}'}}"]`,
		object: "ConfigMap clbtask-system/clbtask-operator-mine",
	},
	"a chart that depends on this one may pass its own values": {
		values: "{global: {theirs: 1}, enabled: true}",
		object: aDeployment,
	},
}
