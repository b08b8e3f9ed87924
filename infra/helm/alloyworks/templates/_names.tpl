{{/* What everything of the release is called; short enough for every suffix in a 63-letter name. */}}
{{- define "alloyworks.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of the release's pods, whichever component. Takes the root. */}}
{{- define "alloyworks.release-selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* These take {root, component}. */}}
{{- define "alloyworks.name" -}}
{{ include "alloyworks.fullname" .root }}-{{ .component }}
{{- end -}}

{{- define "alloyworks.selector" -}}
{{ include "alloyworks.release-selector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "alloyworks.labels" -}}
{{ include "alloyworks.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "alloyworks.jobs-namespace" -}}
{{- .Values.jobs.namespace | default (printf "%s-jobs" .Release.Namespace | trunc 63 | trimSuffix "-") -}}
{{- end -}}

{{/* An image's reference: {root, image}. A digest wins over a tag. */}}
{{- define "alloyworks.image" -}}
{{- $name := .image.repository -}}
{{- with .root.Values.images.registry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* A value as text: Helm reads large numbers as floats and would write 2.147483648e+09. */}}
{{- define "alloyworks.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}
