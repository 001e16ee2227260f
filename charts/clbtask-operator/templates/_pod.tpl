{{/* An image, given as image beside root: by digest if there is one. */}}
{{- define "clbtask-operator.image" -}}
{{- $image := .image -}}
{{- $tag := $image.tag -}}
{{- if not $image.digest }}{{ $tag = default .root.Chart.AppVersion $tag }}{{ end -}}
{{- $image.repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with $image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Whether the operator may take its key from the Secret by itself: not empty if so. */}}
{{- define "clbtask-operator.readsSecret" -}}
{{- if and (has .Values.credentials.source (list "auto" "secret")) (not .Values.simulator.enabled) }}true{{ end -}}
{{- end -}}

{{/* Whether the Secret is mounted: not empty if so. */}}
{{- define "clbtask-operator.mountsSecret" -}}
{{- $credentials := .Values.credentials -}}
{{- $mounted := false -}}
{{- range .Values.extraVolumeMounts }}{{ if eq (.mountPath | toString) $credentials.directory }}{{ $mounted = true }}{{ end }}{{ end -}}
{{- if and (eq $credentials.source "directory") (not $mounted) }}true{{ end -}}
{{- end -}}

{{/* Whether the certificate of the metrics is mounted: not empty if so. */}}
{{- define "clbtask-operator.mountsCertificate" -}}
{{- with .Values.metrics }}{{ if and .enabled .secure .certificateSecret }}true{{ end }}{{ end -}}
{{- end -}}

{{- define "clbtask-operator.args" -}}
{{- $values := .Values -}}
{{- with $values.leaderElection }}
{{- if .enabled }}
- --leader-elect
- --leader-election-id={{ include "clbtask-operator.fullname" $ }}
{{- range $flag, $value := dict "lease-duration" .leaseDuration "renew-deadline" .renewDeadline "retry-period" .retryPeriod }}
{{- with $value }}
- --leader-election-{{ $flag }}={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
- --metrics-bind-address={{ if $values.metrics.enabled }}:{{ $values.metrics.port }}{{ else }}0{{ end }}
{{- if and $values.metrics.enabled (not $values.metrics.secure) }}
- --metrics-secure=false
{{- end }}
{{- if include "clbtask-operator.mountsCertificate" $ }}
- --metrics-cert-dir=/metrics-certificate
{{- end }}
- --health-probe-bind-address=:8081
- --clb-requests-per-second={{ $values.requestsPerSecond }}
{{- with $values.defaultTTLAfterFinished }}
- --default-ttl-after-finished={{ . }}
{{- end }}
{{- if $values.simulator.enabled }}
- --clb-endpoint=http://127.0.0.1:9443
- --credentials=env
{{- end }}
{{- with $values.credentials }}
{{- if ne .source "auto" }}
- --credentials={{ .source }}
{{- end }}
{{- if include "clbtask-operator.readsSecret" $ }}
- --credentials-secret={{ .existingSecret }}
{{- end }}
{{- if eq .source "directory" }}
- --credentials-directory={{ .directory }}
{{- end }}
{{- with .assumeRole.arn }}
- {{ printf "--assume-role-arn=%s" . | quote }}
{{- end }}
{{- with .assumeRole.externalID }}
- {{ printf "--assume-role-external-id=%s" . | quote }}
{{- end }}
{{- end }}
{{- with $values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- with $values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "clbtask-operator.env" -}}
{{- $secret := .Values.credentials.existingSecret -}}
{{- if eq .Values.credentials.source "env" }}
{{- range $name, $key := dict "TENCENTCLOUD_SECRET_ID" "secretId" "TENCENTCLOUD_SECRET_KEY" "secretKey" "TENCENTCLOUD_TOKEN" "token" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
      {{- if eq $key "token" }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- if .Values.simulator.enabled }}
{{ include "clbtask-operator.simulatedKey" . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* It is no secret: it opens nothing but the simulator beside the operator. */}}
{{- define "clbtask-operator.simulatedKey" -}}
- name: TENCENTCLOUD_SECRET_ID
  value: simulated
- name: TENCENTCLOUD_SECRET_KEY
  value: simulated
{{- end -}}

{{- define "clbtask-operator.volumeMounts" -}}
{{- if include "clbtask-operator.mountsSecret" . }}
- name: credentials
  mountPath: {{ .Values.credentials.directory | quote }}
  readOnly: true
{{- end }}
{{- if include "clbtask-operator.mountsCertificate" . }}
- name: metrics-certificate
  mountPath: /metrics-certificate
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "clbtask-operator.volumes" -}}
{{- if include "clbtask-operator.mountsSecret" . }}
- name: credentials
  secret:
    secretName: {{ .Values.credentials.existingSecret }}
    # The Secret may come after the pods.
    optional: true
{{- end }}
{{- if include "clbtask-operator.mountsCertificate" . }}
- name: metrics-certificate
  secret:
    secretName: {{ .Values.metrics.certificateSecret }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* It prefers different nodes for the replicas, but does not insist: a cluster may have one. */}}
{{- define "clbtask-operator.affinity" -}}
{{- if .Values.affinity -}}
{{- toYaml .Values.affinity }}
{{- else -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    podAffinityTerm:
      topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "clbtask-operator.selectorLabels" . | nindent 10 }}
{{- end }}
{{- end -}}

{{- define "clbtask-operator.topologySpreadConstraints" -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "clbtask-operator.selectorLabels" . | fromYaml)) -}}
{{- range .Values.topologySpreadConstraints }}
{{- $constraint := . }}
{{- if not (hasKey . "labelSelector") }}{{ $constraint = merge (dict) . $selector }}{{ end }}
- {{ toYaml $constraint | nindent 2 | trim }}
{{- end }}
{{- end -}}
