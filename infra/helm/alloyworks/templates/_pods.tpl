{{/* What all pods have in common: {root, component}. Pod Security "restricted" holds for each. */}}
{{- define "alloyworks.pod" -}}
serviceAccountName: {{ include "alloyworks.name" . }}
automountServiceAccountToken: {{ has .component (list "worker" "beat" "controller") }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .root.Values.scheduling.priorityClass }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.scheduling.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.scheduling.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "alloyworks.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* Image and walls of a container of ours: the root. */}}
{{- define "alloyworks.container" -}}
image: {{ include "alloyworks.image" (dict "root" . "image" .Values.images.platform) | quote }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
securityContext:
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "alloyworks.mounts" -}}
- name: scratch
  mountPath: /tmp
{{- if .Values.trust.configMap }}
- name: trust
  mountPath: /etc/alloyworks/trust
  readOnly: true
{{- end }}
{{- end -}}

{{/* {root, scratch} */}}
{{- define "alloyworks.volumes" -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .scratch }}
{{- if .root.Values.trust.configMap }}
- name: trust
  configMap:
    name: {{ .root.Values.trust.configMap }}
{{- end }}
{{- end -}}

{{/* Holds a pod back until the tables are those of its release: new code never meets old tables. */}}
{{- define "alloyworks.wait-for-tables" -}}
- name: tables
  {{- include "alloyworks.container" . | nindent 2 }}
  command: [sh, -c]
  args:
    - |
      until python -P -m django migrate --check --skip-checks >/tmp/tables 2>&1; do
        echo "Waiting for the tables of this release. $(tail -n 1 /tmp/tables)"
        sleep 3
      done
  env:
    {{- include "alloyworks.needed-variables" . | nindent 4 }}
  resources:
    {{- toYaml .Values.migrations.resources | nindent 4 }}
  volumeMounts:
    {{- include "alloyworks.mounts" . | nindent 4 }}
{{- end -}}
