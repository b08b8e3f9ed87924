{{/* What the schema can't say, because it is about two keys. Each sentence begins with the key. */}}
{{- define "alloyworks.checks" -}}
{{- $values := .Values -}}
{{- if eq (include "alloyworks.jobs-namespace" .) .Release.Namespace -}}
{{- fail "jobs.namespace: job pods need a namespace of their own, so that none of them is near the platform's Secrets. Name another one, or leave it empty." -}}
{{- end -}}
{{- if and $values.objectStore.enabled $values.storage.endpointUrl -}}
{{- fail "storage.endpointUrl: objectStore.enabled brings an endpoint of its own. Leave one of the two out." -}}
{{- end -}}
{{- if and $values.ingress.enabled (regexMatch "^https?://(localhost|127\\.|\\[)" $values.publicUrl) -}}
{{- fail "publicUrl: ingress.enabled needs the name that people will reach it by, such as https://alloyworks.example.com." -}}
{{- end -}}
{{- if and (eq $values.database.sslMode "verify-full") (not $values.trust.configMap) -}}
{{- fail "trust.configMap: database.sslMode verify-full needs the authorities to verify by, in a ConfigMap's ca.crt." -}}
{{- end -}}
{{- range $name := list "web" "worker" -}}
{{- $scaling := (index $values $name).autoscaling -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- fail (printf "%s.autoscaling.maxReplicas: is below minReplicas, %d." $name (int $scaling.minReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and $values.settings.ALLOY_OIDC_ISSUER (not $values.settings.ALLOY_OIDC_CLIENT_ID) -}}
{{- fail "settings.ALLOY_OIDC_CLIENT_ID: ALLOY_OIDC_ISSUER is set; say under which id it knows this platform." -}}
{{- end -}}
{{- end -}}
