{{/* The settings of web, worker, beat and controller. Written into the pods, so that a change rolls them. */}}
{{- define "alloyworks.environment" -}}
{{ include "alloyworks.needed-variables" . }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_METRICS_TOKEN" "secret" (include "alloyworks.app-secret" .)) }}
{{ include "alloyworks.address-variables" . }}
{{ include "alloyworks.storage-variables" . }}
{{ include "alloyworks.mail-variables" . }}
{{- with .Values.oidc.existingSecret }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_OIDC_CLIENT_SECRET" "secret" .) }}
{{- end }}
{{ include "alloyworks.executor-variables" . }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ include "alloyworks.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* Without these no process of the platform starts. */}}
{{- define "alloyworks.needed-variables" -}}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_SECRET_KEY" "secret" (include "alloyworks.app-secret" .)) }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_DATABASE_URL" "secret" (include "alloyworks.database-secret" .)) }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_BROKER_URL" "secret" (include "alloyworks.broker-secret" .)) }}
- name: ALLOY_STATE_DIR
  value: /tmp/state
- name: PGSSLMODE
  value: {{ ternary "disable" .Values.database.sslMode .Values.postgresql.enabled }}
{{- if .Values.trust.configMap }}
{{- range list "PGSSLROOTCERT" "SSL_CERT_FILE" "REQUESTS_CA_BUNDLE" "AWS_CA_BUNDLE" }}
- name: {{ . }}
  value: /etc/alloyworks/trust/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- define "alloyworks.address-variables" -}}
{{- $service := include "alloyworks.name" (dict "root" . "component" "web") -}}
{{- $inside := printf "%s.%s.svc" $service .Release.Namespace -}}
{{- $host := (urlParse .Values.publicUrl).host | regexFind "^(\\[[^]]*\\]|[^:]+)" -}}
- name: ALLOY_PUBLIC_URL
  value: {{ .Values.publicUrl | quote }}
- name: ALLOY_ALLOWED_HOSTS
  value: {{ list $host $service $inside | join "," | quote }}
- name: ALLOY_RUNNER_URL
  value: {{ .Values.jobs.runnerUrl | default (printf "http://%s:8000" $inside) | quote }}
- name: FORWARDED_ALLOW_IPS
  value: {{ prepend .Values.ingress.trustedProxies "127.0.0.1" | join "," | quote }}
{{- end -}}

{{- define "alloyworks.storage-variables" -}}
{{- $endpoint := .Values.storage.endpointUrl -}}
{{- if .Values.objectStore.enabled }}
{{- $endpoint = printf "http://%s.%s.svc:9000" (include "alloyworks.name" (dict "root" . "component" "object-store")) .Release.Namespace -}}
{{- end -}}
- name: ALLOY_S3_REGION
  value: {{ .Values.storage.region | quote }}
- name: ALLOY_S3_BUCKET
  value: {{ .Values.storage.bucket | quote }}
{{- with $endpoint }}
- name: ALLOY_S3_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with include "alloyworks.storage-secret" . }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_S3_ACCESS_KEY" "secret" .) }}
{{ include "alloyworks.secret-variable" (dict "name" "ALLOY_S3_SECRET_KEY" "secret" .) }}
{{- end }}
{{- end -}}

{{- define "alloyworks.mail-variables" -}}
{{- if .Values.mail.existingSecret }}
{{- include "alloyworks.secret-variable" (dict "name" "ALLOY_EMAIL_URL" "secret" .Values.mail.existingSecret) }}
{{- else -}}
- name: ALLOY_EMAIL_DIR
  value: /tmp/state/mails
{{- end }}
{{- end -}}

{{/* How attempts are launched. What is empty is left to the cluster. */}}
{{- define "alloyworks.executor-variables" -}}
- name: ALLOY_EXECUTOR
  value: kubernetes
- name: ALLOY_KUBE_NAMESPACE
  value: {{ include "alloyworks.jobs-namespace" . }}
- name: ALLOY_KUBE_IMAGE_CPU
  value: {{ include "alloyworks.image" (dict "root" . "image" .Values.images.engineCpu) | quote }}
{{- if .Values.jobs.gpus }}
- name: ALLOY_KUBE_IMAGE_CUDA
  value: {{ include "alloyworks.image" (dict "root" . "image" .Values.images.engineCuda) | quote }}
{{- if .Values.images.serveCuda.repository }}
- name: ALLOY_KUBE_IMAGE_SERVE_CUDA
  value: {{ include "alloyworks.image" (dict "root" . "image" .Values.images.serveCuda) | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := dict "QUEUE" .Values.jobs.queue "PRIORITY_CLASS" .Values.jobs.priorityClass "RUNTIME_CLASS" .Values.jobs.runtimeClass "PULL_SECRET" .Values.jobs.pullSecret }}
{{- if $value }}
- name: ALLOY_KUBE_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- if .Values.jobs.multiNode }}
- name: ALLOY_KUBE_MULTI_NODE
  value: "true"
{{- end }}
{{- with .Values.jobs.nodeSelector }}
- name: ALLOY_KUBE_NODE_SELECTOR
  value: {{ toJson . | quote }}
{{- end }}
{{- with .Values.jobs.tolerations }}
- name: ALLOY_KUBE_TOLERATIONS
  value: {{ toJson . | quote }}
{{- end }}
{{- end -}}
