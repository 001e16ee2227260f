{{/* It fails with a sentence on values that can't work together, each of which the schema allows. */}}
{{- define "clbtask-operator.check" -}}
{{- include "clbtask-operator.checkReplicas" . -}}
{{- include "clbtask-operator.checkSimulator" . -}}
{{- include "clbtask-operator.checkCredentials" . -}}
{{- include "clbtask-operator.checkRBAC" . -}}
{{- include "clbtask-operator.checkMetrics" . -}}
{{- include "clbtask-operator.checkMonitoring" . -}}
{{- include "clbtask-operator.checkExtras" . -}}
{{- end -}}

{{- define "clbtask-operator.checkReplicas" -}}
{{- $replicas := int .Values.replicaCount -}}
{{- if not .Values.leaderElection.enabled -}}
{{- if gt $replicas 1 }}{{ fail "Without leader election every replica polls, and each takes the whole quota: set replicaCount to 1 or leaderElection.enabled to true." }}{{ end -}}
{{- if and .Values.strategy (ne (dig "type" "" .Values.strategy) "Recreate") }}{{ fail "Without leader election an update must stop the old pod first: leave strategy empty, set strategy.type to Recreate, or set leaderElection.enabled to true." }}{{ end -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) 15 }}{{ fail "The operator takes up to 10 s to end, and releases its lease last: set terminationGracePeriodSeconds to 15 or more." }}{{ end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (has (toString .maxUnavailable) (list "0" "0%")) }}{{ fail "With podDisruptionBudget.maxUnavailable 0 no node can be drained: raise it, or set podDisruptionBudget.enabled to false." }}{{ end -}}
{{- if and .enabled (ne (toString .minAvailable) "") -}}
{{- if ne (toString .maxUnavailable) "" }}{{ fail "A PodDisruptionBudget has one limit: set podDisruptionBudget.minAvailable or podDisruptionBudget.maxUnavailable, not both." }}{{ end -}}
{{- if or (eq (toString .minAvailable) "100%") (and (not (kindIs "string" .minAvailable)) (ge (int .minAvailable) $replicas)) }}{{ fail "With podDisruptionBudget.minAvailable not below replicaCount no node can be drained: lower the one or raise the other." }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A key in the cluster means that real requests are followed here. */}}
{{- define "clbtask-operator.checkSimulator" -}}
{{- $secret := .Values.credentials.existingSecret -}}
{{- if and .Values.simulator.enabled (lookup "v1" "Secret" .Release.Namespace $secret) }}{{ fail (printf "The Secret %s has a key, and a simulator would end the CLBTasks of real requests: delete the Secret, or set simulator.enabled to false." $secret) }}{{ end -}}
{{- end -}}

{{- define "clbtask-operator.checkCredentials" -}}
{{- $source := .Values.credentials.source -}}
{{- $arn := .Values.credentials.podIdentity.roleARN -}}
{{- $account := .Values.serviceAccount -}}
{{- if and $arn (not (has $source (list "auto" "pod-identity"))) }}{{ fail (printf "credentials.podIdentity.roleARN is not used by credentials.source %s: set the source to pod-identity or auto, or leave the role empty." $source) }}{{ end -}}
{{- if and $arn (not $account.create) }}{{ fail "credentials.podIdentity.roleARN annotates the ServiceAccount, which serviceAccount.create=false leaves to you: annotate it and leave the role empty." }}{{ end -}}
{{- if and (eq $source "pod-identity") $account.create (not $arn) (not (index $account.annotations "tke.cloud.tencent.com/role-arn")) }}{{ fail "credentials.source pod-identity needs a role: set credentials.podIdentity.roleARN." }}{{ end -}}
{{- with .Values.credentials.assumeRole -}}
{{- if and .externalID (not .arn) }}{{ fail "credentials.assumeRole.externalID belongs to a role: set credentials.assumeRole.arn, too." }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "clbtask-operator.checkRBAC" -}}
{{- $watched := .Values.watchNamespaces -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}{{ fail "serviceAccount.create=false needs a ServiceAccount that exists: set serviceAccount.name." }}{{ end -}}
{{- with .Values.perTaskCredentials -}}
{{- if and .namespaces (not .enabled) }}{{ fail "perTaskCredentials.namespaces has no effect: set perTaskCredentials.enabled to true, or leave the namespaces empty." }}{{ end -}}
{{- if and .enabled (not $.Values.rbac.create) }}{{ fail "perTaskCredentials.enabled creates bindings, which rbac.create=false leaves to you: set one of them otherwise." }}{{ end -}}
{{- if and .enabled (not (or .namespaces $watched)) }}{{ fail "perTaskCredentials.enabled needs namespaces, lest the operator may read all Secrets of the cluster: set perTaskCredentials.namespaces." }}{{ end -}}
{{- range .namespaces -}}
{{- if and $watched (not (has . $watched)) }}{{ fail (printf "perTaskCredentials.namespaces has %s, which is not watched: add it to watchNamespaces or remove it." .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "clbtask-operator.checkMetrics" -}}
{{- $metrics := .Values.metrics -}}
{{- $monitor := .Values.serviceMonitor -}}
{{- if and $metrics.enabled (eq (int $metrics.port) 8081) }}{{ fail "Port 8081 is that of the probes: set metrics.port to another." }}{{ end -}}
{{- if and $metrics.certificateSecret (not $metrics.secure) }}{{ fail "metrics.certificateSecret is for TLS: set metrics.secure to true, or leave the Secret empty." }}{{ end -}}
{{- if and .Values.rbac.create .Values.watchNamespaces $metrics.enabled $metrics.secure (not $metrics.clusterRoles) -}}
{{- fail "With watchNamespaces there is no ClusterRole, but secure metrics need one to check who reads them: set metrics.clusterRoles to true, or metrics.secure or metrics.enabled to false." -}}
{{- end -}}
{{- if $monitor.enabled -}}
{{- if not $metrics.enabled }}{{ fail "serviceMonitor.enabled needs something to scrape: set metrics.enabled to true." }}{{ end -}}
{{- if and $metrics.secure (not $metrics.certificateSecret) (not $monitor.insecureSkipVerify) }}{{ fail "A self-signed certificate can't be verified: set metrics.certificateSecret, or serviceMonitor.insecureSkipVerify to true, or metrics.secure to false." }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "clbtask-operator.checkMonitoring" -}}
{{- $metrics := .Values.metrics -}}
{{- if and .Values.prometheusRule.enabled (not $metrics.enabled) }}{{ fail "prometheusRule.enabled needs metrics to watch: set metrics.enabled to true." }}{{ end -}}
{{- if and .Values.grafanaDashboard.enabled (not $metrics.enabled) }}{{ fail "grafanaDashboard.enabled needs metrics to show: set metrics.enabled to true." }}{{ end -}}
{{- with .Values.prometheusRule.disabledAlerts -}}
{{- $alerts := list -}}
{{- range ($.Files.Get "files/rules.yaml" | fromYaml).groups }}{{ range .rules }}{{ $alerts = append $alerts .alert }}{{ end }}{{ end -}}
{{- range . -}}
{{- if not (has . $alerts) }}{{ fail (printf "prometheusRule.disabledAlerts has %s, which is no alert: there are %s." . (join ", " $alerts)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "clbtask-operator.checkExtras" -}}
{{- $instead := dict
  "leader-elect" "set leaderElection.enabled"
  "leader-election-id" "it is the full name"
  "leader-election-lease-duration" "set leaderElection.leaseDuration"
  "leader-election-renew-deadline" "set leaderElection.renewDeadline"
  "leader-election-retry-period" "set leaderElection.retryPeriod"
  "metrics-bind-address" "set metrics.enabled and metrics.port"
  "metrics-secure" "set metrics.secure"
  "metrics-cert-dir" "set metrics.certificateSecret"
  "health-probe-bind-address" "the probes need port 8081"
  "clb-requests-per-second" "set requestsPerSecond"
  "default-ttl-after-finished" "set defaultTTLAfterFinished"
  "credentials" "set credentials.source"
  "credentials-directory" "set credentials.directory"
  "credentials-secret" "set credentials.existingSecret"
  "assume-role-arn" "set credentials.assumeRole.arn"
  "assume-role-external-id" "set credentials.assumeRole.externalID"
  "watch-namespaces" "set watchNamespaces" -}}
{{- if .Values.simulator.enabled }}{{ $_ := set $instead "clb-endpoint" "it is the simulator's, unless simulator.enabled is false" }}{{ end -}}
{{- range .Values.extraArgs -}}
{{- $flag := regexFind "^--?[^=]+" . | trimPrefix "-" | trimPrefix "-" -}}
{{- with index $instead $flag }}{{ fail (printf "extraArgs can't have --%s, which the chart sets: %s." $flag .) }}{{ end -}}
{{- end -}}
{{- $fromSecret := eq .Values.credentials.source "env" -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "TENCENTCLOUD_SECRET_ID" "TENCENTCLOUD_SECRET_KEY" "TENCENTCLOUD_TOKEN") -}}
{{- if .value }}{{ fail (printf "extraEnv would put the key of %s into the values, which the release keeps readable: take it from a Secret by valueFrom." .name) }}{{ end -}}
{{- if $fromSecret }}{{ fail (printf "%s is set twice, by extraEnv and by credentials.source env: leave the source at auto, or remove it from extraEnv." .name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
