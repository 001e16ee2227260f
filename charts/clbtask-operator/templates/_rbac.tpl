{{/*
A role and its binding to the operator's ServiceAccount: (dict "root" $ "name" NAME
"rules" RULES), with "namespace" if it is not the release's, or "cluster" true for a
ClusterRole and a ClusterRoleBinding.
*/}}
{{- define "clbtask-operator.boundRole" -}}
{{- $prefix := ternary "Cluster" "" (default false .cluster) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}Role
metadata:
  {{- include "clbtask-operator.metadata" . | nindent 2 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
{{ include "clbtask-operator.binding" (merge (dict "role" .name) .) }}
{{- end -}}

{{/* A binding of "role", with the fields of boundRole; "roleKind" is that of the role if it
differs, "account" the ServiceAccount if it is not the operator's. */}}
{{- define "clbtask-operator.binding" -}}
{{- $prefix := ternary "Cluster" "" (default false .cluster) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $prefix }}RoleBinding
metadata:
  {{- include "clbtask-operator.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ default (printf "%sRole" $prefix) .roleKind }}
  name: {{ .role | quote }}
subjects:
- kind: ServiceAccount
  name: {{ default (include "clbtask-operator.serviceAccountName" .root) .account | quote }}
  namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}

{{/* The namespaces in which the operator may read Secrets of CLBTasks, as JSON. */}}
{{- define "clbtask-operator.perTaskNamespaces" -}}
{{- $values := .Values -}}
{{- if $values.perTaskCredentials.enabled -}}
{{- default $values.watchNamespaces $values.perTaskCredentials.namespaces | uniq | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}
