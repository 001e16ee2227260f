{{- define "clbtask-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of the objects. 55 characters leave room for "-metrics" in the name of a Service. */}}
{{- define "clbtask-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/*
The name of objects that are not in the release's namespace. Releases of other namespaces
may have the same full name.
*/}}
{{- define "clbtask-operator.qualifiedName" -}}
{{- printf "%s:%s" .Release.Namespace (include "clbtask-operator.fullname" .) -}}
{{- end -}}

{{- define "clbtask-operator.serviceAccountName" -}}
{{- default (include "clbtask-operator.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "clbtask-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "clbtask-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller-manager
{{- end -}}

{{- define "clbtask-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "clbtask-operator.selectorLabels" . }}
{{- end -}}

{{/*
metadata of an object: (dict "root" $ "name" NAME), with "namespace" if it is not the
release's, "cluster" true for none, and "labels" and "annotations" for more of them.
*/}}
{{- define "clbtask-operator.metadata" -}}
{{- $values := .root.Values -}}
name: {{ .name | quote }}
{{- if not .cluster }}
namespace: {{ default .root.Release.Namespace .namespace | quote }}
{{- end }}
labels:
  {{- include "clbtask-operator.labels" .root | fromYaml | mergeOverwrite (dict) $values.commonLabels (.labels | default dict) | toYaml | nindent 2 }}
{{- with mergeOverwrite (dict) $values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
