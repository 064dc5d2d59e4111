{{/* What all pods have in common. */}}

{{- define "minirag.pod.security" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "minirag.container.security" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "minirag.pod.placement" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.common.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.common.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.common.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The pods of one service over nodes and zones; old and new ones of an upgrade are counted apart. */}}
{{- define "minirag.pod.spread" -}}
{{- $how := dict "prefer" "ScheduleAnyway" "require" "DoNotSchedule" }}
{{- $call := . }}
{{- range $key, $topology := dict "nodes" "kubernetes.io/hostname" "zones" "topology.kubernetes.io/zone" }}
{{- with get $how (get $call.root.Values.spread $key) }}
- maxSkew: 1
  topologyKey: {{ $topology }}
  whenUnsatisfiable: {{ . }}
  labelSelector:
    matchLabels: {{- include "minirag.selector" $call | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* Variables, each once and sorted by name: the later dictionaries of the list win. */}}
{{- define "minirag.variables" -}}
{{- $all := dict }}
{{- range . }}{{ $all = mergeOverwrite $all (deepCopy .) }}{{ end }}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ include "minirag.text" $value | quote }}
{{- end }}
{{- end }}

{{/* Seconds that what runs may take after SIGTERM: the grace, less what precedes the signal and ten to give back what has not ended. */}}
{{- define "minirag.drain" -}}
{{- $drain := sub (sub (int .grace) (int .before)) 10 }}
{{- if lt $drain 5 }}
{{- fail (printf "services.%s.terminationGracePeriodSeconds leaves %d s to finish what runs: it has to be 15 and preStopSeconds at least." .service $drain) }}
{{- end }}
{{- $drain }}
{{- end }}

{{/* What the chart itself decides for a service. */}}
{{- define "minirag.own" -}}
{{- $own := get .root.Values.services .service }}
{{- $before := ternary .root.Values.gateway.preStopSeconds 0 (eq .service "gateway") | int }}
MINIRAG_MODE: server
MINIRAG_NATS_URL: {{ .root.Values.nats.url | quote }}
MINIRAG_NATS_USER: {{ .service }}
MINIRAG_DRAIN: PT{{ include "minirag.drain" (dict "service" .service "grace" $own.terminationGracePeriodSeconds "before" $before) }}S
MINIRAG_OPERATIONS_HOST: {{ .root.Values.common.host | quote }}
MINIRAG_OPERATIONS_PORT: "9400"
MINIRAG_SECRETS_DIR: /run/secrets/minirag
{{- include "minirag.authorities.variables" .root }}
{{- if eq .service "gateway" }}
MINIRAG_HOST: {{ .root.Values.common.host | quote }}
MINIRAG_PORT: "8000"
{{- with .root.Values.gateway.trustedProxies }}
MINIRAG_TRUSTED_PROXIES: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- if eq .service "retrieval" }}
QDRANT_URL: {{ .root.Values.qdrant.url | quote }}
{{- end }}
{{- if $own.storage.data }}
MINIRAG_DATA_DIR: /data
{{- end }}
{{- end }}
