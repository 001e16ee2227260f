package chart_test

import "strings"

// aDigest is the digest of some image.
var aDigest = "sha256:" + strings.Repeat("0a", 32)

// podOptions are those of the Deployment.
var podOptions = map[string]option{
	"a simulator answers beside the operator, which needs no Secret": {
		values: "simulator: {enabled: true}",
		object: aDeployment,
		has: pod("containers: [{name: manager, args: ['--clb-endpoint=http://127.0.0.1:9443', --credentials=env], env: [{name: TENCENTCLOUD_SECRET_ID, value: simulated}]}," +
			" {name: simulator, image: 'clbtask-simulator:dev', args: ['--listen=127.0.0.1:9443'], securityContext: {readOnlyRootFilesystem: true}}]"),
		absent: ownKey,
	},
	"the simulator has an image and resources": {
		values: "simulator: {enabled: true, image: {repository: r/s, tag: '2', digest: '" + aDigest + "', pullPolicy: Always}, resources: {limits: {memory: 1Gi}}}",
		object: aDeployment,
		has:    pod("containers: [{name: simulator, image: 'r/s:2@" + aDigest + "', imagePullPolicy: Always, resources: {limits: {memory: 1Gi}}}]"),
	},
	"there are as many replicas as one likes": {
		values: "replicaCount: 3",
		object: aDeployment,
		has:    "spec: {replicas: 3}",
	},
	"the image has the chart's appVersion as tag": {
		values: "image: {repository: registry.example.com/clbtask-operator, pullPolicy: Always}",
		object: aDeployment,
		has:    manager("image: 'registry.example.com/clbtask-operator:dev', imagePullPolicy: Always"),
	},
	"the image has the tag that is given, even a number": {
		values: `image: {tag: "1.0"}`,
		object: aDeployment,
		has:    manager("image: 'clbtask-operator:1.0'"),
	},
	"the image has a digest instead of a tag": {
		values: "image: {digest: '" + aDigest + "'}",
		object: aDeployment,
		has:    manager("image: 'clbtask-operator@" + aDigest + "'"),
	},
	"the image has a tag and a digest": {
		values: "image: {tag: v1, digest: '" + aDigest + "'}",
		object: aDeployment,
		has:    manager("image: 'clbtask-operator:v1@" + aDigest + "'"),
	},
	"the share of the quota becomes a flag": {
		values: "requestsPerSecond: 20",
		object: aDeployment,
		has:    manager("args: [--clb-requests-per-second=20]"),
	},
	"the default TTL becomes a flag": {
		values: "defaultTTLAfterFinished: 168h",
		object: aDeployment,
		has:    manager("args: [--default-ttl-after-finished=168h]"),
	},
	"a single replica needs no leader, and never overlaps its successor": {
		values: "{replicaCount: 1, leaderElection: {enabled: false}}",
		object: aDeployment,
		has:    "spec: {strategy: {type: Recreate}}",
		lacks:  manager("args: [--leader-elect]"),
		absent: ownLease,
	},
	"the lease has the full name, and times as one likes": {
		values: "{fullnameOverride: other, leaderElection: {leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 1s500ms}}",
		object: "Deployment clbtask-system/other",
		has: manager("args: [--leader-election-id=other, --leader-election-lease-duration=30s, --leader-election-renew-deadline=20s," +
			" --leader-election-retry-period=1s500ms]"),
	},
	"the operator may hold the lease of its name alone": {
		values: "fullnameOverride: other",
		object: "Role clbtask-system/other-leader-election",
		has:    "rules: [{resources: [leases], resourceNames: [other], verbs: [get, update]}]",
	},
	"more flags come last": {
		values: "extraArgs: [--clb-root-domain=intl.tencentcloudapi.com, --zap-log-level=debug]",
		object: aDeployment,
		has:    manager("args: [--leader-elect, --clb-root-domain=intl.tencentcloudapi.com, --zap-log-level=debug]"),
	},
	"more environment, volumes and mounts are added": {
		values: "{extraEnv: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}], extraVolumes: [{name: ca, configMap: {name: ca}}], extraVolumeMounts: [{name: ca, mountPath: /ca}]}",
		object: aDeployment,
		has: pod("volumes: [{name: ca, configMap: {name: ca}}], containers: [{" +
			"env: [{name: HTTPS_PROXY, value: 'http://proxy:3128'}], volumeMounts: [{name: ca, mountPath: /ca}]}]"),
	},
	"a key may come from a Secret of one's own": {
		values: "extraEnv: [{name: TENCENTCLOUD_SECRET_ID, valueFrom: {secretKeyRef: {name: a, key: b}}}]",
		object: aDeployment,
		has:    manager("env: [{name: TENCENTCLOUD_SECRET_ID}]"),
	},
	"a default of the resources can be removed": {
		values: "resources: {limits: null}",
		object: aDeployment,
		has:    manager("resources: {requests: {memory: 64Mi}}"),
		lacks:  manager("resources: {limits: {memory: 256Mi}}"),
	},
	"the security contexts can be changed": {
		values: "{podSecurityContext: {runAsUser: 1000}, securityContext: {readOnlyRootFilesystem: false}}",
		object: aDeployment,
		has:    pod("securityContext: {runAsNonRoot: true, runAsUser: 1000}, containers: [{securityContext: {readOnlyRootFilesystem: false, allowPrivilegeEscalation: false}}]"),
	},
	"pods and the Deployment have annotations and labels": {
		values: "{deploymentAnnotations: {d: x}, podAnnotations: {p: x}, podLabels: {l: x, app.kubernetes.io/name: mine}}",
		object: aDeployment,
		has:    "{metadata: {annotations: {d: x}}, spec: {template: {metadata: {annotations: {p: x}, labels: {l: x, app.kubernetes.io/name: clbtask-operator}}}}}",
		lacks:  "metadata: {labels: {l: x}}",
	},
	"pods prefer different nodes": {
		object: aDeployment,
		has: pod("affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{podAffinityTerm:" +
			" {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}}}]}}"),
	},
	"pods are placed where one likes": {
		values: "{nodeSelector: {disk: ssd}, tolerations: [{key: a, operator: Exists}], priorityClassName: system-cluster-critical," +
			" affinity: {podAntiAffinity: {}}, topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}",
		object: aDeployment,
		has: pod("nodeSelector: {disk: ssd}, tolerations: [{key: a}], priorityClassName: system-cluster-critical," +
			" topologySpreadConstraints: [{topologyKey: zone, labelSelector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}}]"),
		lacks: pod("affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}"),
	},
	"a spread keeps a selector of one's own": {
		values: "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}]",
		object: aDeployment,
		has:    pod("topologySpreadConstraints: [{labelSelector: {matchLabels: {a: b}}}]"),
		lacks:  pod("topologySpreadConstraints: [{labelSelector: {matchLabels: {app.kubernetes.io/instance: clbtask-operator}}}]"),
	},
	"pods have a network of their own": {
		values: "{hostAliases: [{ip: 169.254.0.95, hostnames: [clb.tencentcloudapi.com]}], dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.1]}}",
		object: aDeployment,
		has:    pod("hostAliases: [{ip: 169.254.0.95}], dnsPolicy: None, dnsConfig: {nameservers: [10.0.0.1]}"),
	},
	"pods are stopped and replaced as one likes": {
		values: "{terminationGracePeriodSeconds: 60, strategy: {rollingUpdate: {maxUnavailable: 0}}, imagePullSecrets: [{name: pull}]}",
		object: aDeployment,
		has:    "spec: {strategy: {rollingUpdate: {maxUnavailable: 0}}, template: {spec: {terminationGracePeriodSeconds: 60, imagePullSecrets: [{name: pull}]}}}",
	},
}
