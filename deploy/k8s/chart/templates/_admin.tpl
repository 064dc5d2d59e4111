{{/* A pod of `minirag-admin`. Takes (dict "root" $ "run" (dict "args" (list "setup")) "wait" 0): what it runs, and how long it waits before. */}}
{{- define "minirag.admin.template" -}}
{{- $root := .root }}
{{- $call := dict "root" $root "service" "admin" }}
metadata:
  labels: {{- include "minirag.labels" $call | nindent 4 }}
    {{- with $root.Values.common.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $root.Values.common.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "minirag.name" $call }}
  restartPolicy: Never
  {{- include "minirag.pod.security" $root | nindent 2 }}
  {{- with include "minirag.pod.placement" $root | trim }}{{ nindent 2 . }}{{ end }}
  {{- $authorities := include "minirag.authorities.container" $call | trim }}
  {{- if or .wait $authorities }}
  initContainers:
    {{- with $authorities }}{{ nindent 4 . }}{{ end }}
  {{- end }}
  {{- if .wait }}
    # `helm upgrade --wait` returns when the new pods are ready; the old ones may still be draining.
    - name: old-pods-drain
      image: {{ include "minirag.image" $call }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- include "minirag.container.security" $root | nindent 6 }}
      command: [python, -c, "import time; time.sleep({{ .wait }})"]
      resources: {{- toYaml $root.Values.jobs.resources | nindent 8 }}
  {{- end }}
  containers:
    - name: admin
      image: {{ include "minirag.image" $call }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      {{- include "minirag.container.security" $root | nindent 6 }}
      {{- toYaml .run | nindent 6 }}
      env:
        {{- $own := dict "MINIRAG_NATS_URL" $root.Values.nats.url "MINIRAG_NATS_REPLICAS" $root.Values.nats.replicas "MINIRAG_SECRETS_DIR" "/run/secrets/minirag" }}
        {{- $own = merge $own (include "minirag.authorities.variables" $root | fromYaml) }}
        {{- include "minirag.variables" (list $root.Values.common.environment $root.Values.jobs.environment $own) | trim | nindent 8 }}
      resources: {{- toYaml $root.Values.jobs.resources | nindent 8 }}
      volumeMounts:
        - {name: secrets, mountPath: /run/secrets/minirag, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- with include "minirag.authorities.mount" $root | trim }}{{ nindent 8 . }}{{ end }}
  volumes:
    - name: secrets
      secret:
        secretName: {{ $root.Values.jobs.secret.name }}
        defaultMode: 0440
        items:
          {{- range list "MINIRAG_ADMIN_DATABASE_URL" "MINIRAG_ADMIN_ROLES" "MINIRAG_NATS_PASSWORD" }}
          - {key: {{ . }}, path: {{ . }}}
          {{- end }}
    - name: tmp
      emptyDir: {sizeLimit: 64Mi}
    {{- with include "minirag.authorities.volumes" $root | trim }}{{ nindent 4 . }}{{ end }}
{{- end }}
