{{/* A trial's store: one pod of the platform's image that runs a script of files/.
     {root, component, values, port, secret}; with values.size it has a volume. */}}
{{- define "alloyworks.store" -}}
{{- $volume := hasKey .values "size" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "alloyworks.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
data:
  run.sh: |
    {{- .root.Files.Get (printf "files/%s.sh" .component) | nindent 4 }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "alloyworks.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "alloyworks.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
spec:
  selector:
    {{- include "alloyworks.selector" . | nindent 4 }}
  ports:
    - name: store
      port: {{ .port }}
      targetPort: store
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "alloyworks.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ include "alloyworks.name" . }}
  selector:
    matchLabels:
      {{- include "alloyworks.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "alloyworks.labels" . | nindent 8 }}
    spec:
      {{- include "alloyworks.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: 60
      containers:
        - name: {{ .component }}
          {{- include "alloyworks.container" .root | nindent 10 }}
          command: [sh, /scripts/run.sh]
          env:
            - name: BUCKET
              value: {{ .root.Values.storage.bucket | quote }}
          ports:
            - name: store
              containerPort: {{ .port }}
          startupProbe:
            tcpSocket: {port: store}
            periodSeconds: 2
            failureThreshold: 90
          livenessProbe:
            tcpSocket: {port: store}
            periodSeconds: 20
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            tcpSocket: {port: store}
            periodSeconds: 5
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - name: scratch
              mountPath: /tmp
            - name: script
              mountPath: /scripts
              readOnly: true
            - name: secrets
              mountPath: /secrets
              readOnly: true
            {{- if $volume }}
            - name: data
              mountPath: /data
            {{- end }}
      volumes:
        - name: scratch
          emptyDir:
            sizeLimit: {{ .values.resources.limits | dig "ephemeral-storage" "64Mi" }}
        - name: script
          configMap:
            name: {{ include "alloyworks.name" . }}
        - name: secrets
          secret:
            secretName: {{ .secret }}
            defaultMode: 0440
  {{- if $volume }}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.size }}
  {{- end }}
{{- end -}}

{{/* The head of a Secret that is made once and stays: {root, component, name}. */}}
{{- define "alloyworks.generated-secret" -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alloyworks.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
type: Opaque
{{- end -}}
