{{/* Rules of NetworkPolicies. Ports are a list of numbers; TCP unless said. */}}
{{- define "alloyworks.ports" -}}
ports:
  {{- range . }}
  - port: {{ int . }}
    protocol: TCP
  {{- end }}
{{- end -}}

{{/* To addresses outside the release: {cidrs, ports}. Nothing where there is no address. */}}
{{- define "alloyworks.to-addresses" -}}
{{- if .cidrs -}}
- to:
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  {{- include "alloyworks.ports" .ports | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* To pods of the release: {root, component, port}. */}}
{{- define "alloyworks.to-component" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Release.Namespace }}
      podSelector:
        matchLabels:
          {{- include "alloyworks.selector" . | nindent 10 }}
  {{- include "alloyworks.ports" (list .port) | nindent 2 }}
{{- end -}}

{{/* To the servers of endpoints. */}}
{{- define "alloyworks.to-model-servers" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ include "alloyworks.jobs-namespace" . }}
      podSelector:
        matchLabels:
          app.kubernetes.io/component: model-server
  {{- include "alloyworks.ports" (list 8000) | nindent 2 }}
{{- end -}}

{{- define "alloyworks.to-dns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.network.dns.namespace }}
      podSelector:
        matchLabels:
          {{- toYaml .Values.network.dns.podLabels | nindent 10 }}
    {{- range .Values.network.dns.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end -}}

{{- define "alloyworks.to-database" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "alloyworks.to-component" (dict "root" . "component" "postgresql" "port" 5432) }}
{{- else -}}
{{ include "alloyworks.to-addresses" .Values.network.database }}
{{- end -}}
{{- end -}}

{{- define "alloyworks.to-broker" -}}
{{- if .Values.valkey.enabled -}}
{{ include "alloyworks.to-component" (dict "root" . "component" "valkey" "port" 6379) }}
{{- else -}}
{{ include "alloyworks.to-addresses" .Values.network.broker }}
{{- end -}}
{{- end -}}

{{- define "alloyworks.to-storage" -}}
{{- if .Values.objectStore.enabled -}}
{{ include "alloyworks.to-component" (dict "root" . "component" "object-store" "port" 9000) }}
{{- else -}}
{{ include "alloyworks.to-addresses" .Values.network.storage }}
{{- end -}}
{{- end -}}

{{/* Public addresses alone: no private network, no link-local one, where clouds tell credentials. */}}
{{- define "alloyworks.to-public" -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
  {{- include "alloyworks.ports" . | nindent 2 }}
{{- end -}}

{{/* A policy's head for one component: {root, component}. */}}
{{- define "alloyworks.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "alloyworks.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "alloyworks.selector" . | nindent 6 }}
{{- end -}}
