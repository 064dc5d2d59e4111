{{/* Certificate authorities of the operator's own, beside the public ones: `common.authorities`. All but the first are empty without. */}}

{{- define "minirag.authorities.given" -}}
{{- with .Values.common.authorities }}{{ .configMap | default .secret }}{{ end }}
{{- end }}

{{/* What Python's ssl (NATS), httpx (Qdrant, models, webhooks), Postgres' driver and the exporter of traces read. */}}
{{- define "minirag.authorities.variables" -}}
{{- if include "minirag.authorities.given" . }}
SSL_CERT_FILE: /run/authorities/all.pem
PGSSLROOTCERT: /run/authorities/all.pem
OTEL_EXPORTER_OTLP_CERTIFICATE: /run/authorities/all.pem
{{- end }}
{{- end }}

{{/* Takes (dict "root" $ "service" "chat"). What holds no certificate ends it, and with it the start. */}}
{{- define "minirag.authorities.container" -}}
{{- if include "minirag.authorities.given" .root }}
- name: authorities
  image: {{ include "minirag.image" . }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- include "minirag.container.security" .root | nindent 2 }}
  command:
    - python
    - -c
    - |
      import certifi, pathlib, ssl, sys
      ssl.create_default_context(cafile=sys.argv[1])
      both = [pathlib.Path(name).read_text() for name in (certifi.where(), sys.argv[1])]
      pathlib.Path(sys.argv[2]).write_text("\n".join(both))
    - /run/private-authorities/ca.crt
    - /run/authorities/all.pem
  resources:
    requests: {cpu: 10m, memory: 32Mi}
    limits: {memory: 128Mi}
  volumeMounts:
    - {name: private-authorities, mountPath: /run/private-authorities, readOnly: true}
    - {name: authorities, mountPath: /run/authorities}
{{- end }}
{{- end }}

{{- define "minirag.authorities.mount" -}}
{{- if include "minirag.authorities.given" . }}
- {name: authorities, mountPath: /run/authorities, readOnly: true}
{{- end }}
{{- end }}

{{- define "minirag.authorities.volumes" -}}
{{- if include "minirag.authorities.given" . }}
{{- with .Values.common.authorities }}
- name: private-authorities
  {{- if .configMap }}
  configMap:
    name: {{ .configMap }}
  {{- else }}
  secret:
    secretName: {{ .secret }}
  {{- end }}
    defaultMode: 0440
    items:
      - {key: {{ .key }}, path: ca.crt}
{{- end }}
- name: authorities
  emptyDir: {sizeLimit: 4Mi}
{{- end }}
{{- end }}
