{{/* Where each secret setting is read from: the operator's Secret, or one that the chart generates. */}}
{{- define "alloyworks.app-secret" -}}
{{- .Values.app.existingSecret | default (include "alloyworks.fullname" .) -}}
{{- end -}}

{{- define "alloyworks.database-secret" -}}
{{- if .Values.postgresql.enabled }}{{ include "alloyworks.fullname" . }}-postgresql{{ else }}{{ .Values.database.existingSecret }}{{ end -}}
{{- end -}}

{{- define "alloyworks.owner-secret" -}}
{{- if .Values.postgresql.enabled }}{{ include "alloyworks.fullname" . }}-postgresql-owner{{ else }}{{ .Values.database.ownerSecret }}{{ end -}}
{{- end -}}

{{- define "alloyworks.broker-secret" -}}
{{- if .Values.valkey.enabled }}{{ include "alloyworks.fullname" . }}-valkey{{ else }}{{ .Values.broker.existingSecret }}{{ end -}}
{{- end -}}

{{/* Empty: the pods have a role of their own. */}}
{{- define "alloyworks.storage-secret" -}}
{{- if .Values.objectStore.enabled }}{{ include "alloyworks.fullname" . }}-object-store{{ else }}{{ .Values.storage.existingSecret }}{{ end -}}
{{- end -}}

{{/* What the cluster holds already under {root, name, key}, or random letters; in base64 either way. */}}
{{- define "alloyworks.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .name | default dict -}}
{{- get ($secret.data | default dict) .key | default (randAlphaNum 48 | b64enc) -}}
{{- end -}}

{{/* One variable out of a Secret: {name, secret}. The key is named as the variable is. */}}
{{- define "alloyworks.secret-variable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .name }}
{{- end -}}
