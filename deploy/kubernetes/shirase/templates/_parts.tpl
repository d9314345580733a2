{{/* Names and labels. `part` is tagger, alerter or topics. */}}
{{- define "shirase.name" -}}
{{- $name := ternary .Release.Name (printf "%s-shirase" .Release.Name) (contains "shirase" .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "shirase.selector" -}}
app.kubernetes.io/name: shirase
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "shirase.labels" -}}
{{ include "shirase.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "shirase.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- if .Values.image.digest }}{{ $image }}@{{ .Values.image.digest }}{{ else }}{{ $image }}{{ end -}}
{{- end }}

{{/* What is laid over the image's configuration, and in place of its files. */}}
{{- define "shirase.config" -}}
over.toml: {{ .Values.settings | quote }}
{{- range $name, $text := .Values.configFiles }}
{{ $name }}: {{ $text | quote }}
{{- end }}
{{- end }}

{{- define "shirase.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "shirase.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "shirase.environment" -}}
- {name: SHIRASE_CONFIG, value: /etc/shirase/over.toml}
- {name: SHIRASE_KAFKA__BOOTSTRAP_SERVERS, value: {{ .Values.kafka.bootstrapServers | quote }}}
- name: SHIRASE_KAFKA__INSTANCE
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SHIRASE_METRICS__HOST, value: 0.0.0.0}
{{- if .Values.redis.url }}
- {name: SHIRASE_REDIS__URL, value: {{ .Values.redis.url | quote }}}
{{- end }}
{{- end }}

{{- define "shirase.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: config, mountPath: /etc/shirase, readOnly: true}
{{- range $name, $_ := .Values.configFiles }}
- name: config
  mountPath: /opt/shirase/lib/python3.11/site-packages/workers/_config/{{ $name }}
  subPath: {{ $name }}
  readOnly: true
{{- end }}
{{- if .Values.secretName }}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end }}
{{- end }}

{{/* `config`: the ConfigMap's name. */}}
{{- define "shirase.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: config
  configMap: {name: {{ .config }}}
{{- if .root.Values.secretName }}
- name: secrets
  secret: {secretName: {{ .root.Values.secretName }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{/* A deployment of one of our workers: `part`, `values`, `port`, `scaled`. */}}
{{- define "shirase.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "shirase.name" .root }}-{{ .part }}
  labels: {{- include "shirase.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels: {{- include "shirase.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "shirase.labels" . | nindent 8 }}
      annotations:
        checksum/config: {{ include "shirase.config" .root | sha256sum }}
        {{- with .root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "shirase.name" .root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      securityContext: {{- include "shirase.podSecurity" . | nindent 8 }}
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ $key }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "shirase.selector" $ | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .part }}
          image: {{ include "shirase.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          args: [run, {{ .part }}]
          env: {{- include "shirase.environment" .root | nindent 12 }}
          ports:
            - {name: metrics, containerPort: {{ .port }}, protocol: TCP}
          # The first start reads the knowledge; after that a loop that does not turn is started again.
          startupProbe:
            httpGet: {path: /livez, port: metrics}
            periodSeconds: 2
            timeoutSeconds: 4
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /livez, port: metrics}
            periodSeconds: 10
            timeoutSeconds: 4
            failureThreshold: 3
          readinessProbe:
            httpGet: {path: /readyz, port: metrics}
            periodSeconds: 5
            timeoutSeconds: 4
            failureThreshold: 3
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext: {{- include "shirase.containerSecurity" . | nindent 12 }}
          volumeMounts: {{- include "shirase.mounts" .root | nindent 12 }}
      volumes: {{- include "shirase.volumes" (dict "root" .root "config" (include "shirase.name" .root)) | nindent 8 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "shirase.name" .root }}-{{ .part }}
  labels: {{- include "shirase.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "shirase.selector" . | nindent 6 }}
---
# Without an address of its own: it only lists the pods for whoever scrapes them.
apiVersion: v1
kind: Service
metadata:
  name: {{ include "shirase.name" .root }}-{{ .part }}
  labels: {{- include "shirase.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "shirase.selector" . | nindent 4 }}
  ports:
    - {name: metrics, port: {{ .port }}, targetPort: metrics, protocol: TCP}
{{- end }}
