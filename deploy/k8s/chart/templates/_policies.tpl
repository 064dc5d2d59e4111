{{/* Who may reach a service, and whom it may reach. */}}

{{- define "minirag.policy.in" -}}
{{- $policy := .root.Values.networkPolicy }}
{{- if eq .service "admin" }}[]{{ else }}
{{- if eq .service "gateway" }}
- from: {{- toYaml $policy.ingress.from | nindent 4 }}
  ports:
    - {protocol: TCP, port: http}
{{- end }}
{{- if $policy.monitoring.from }}
- from: {{- toYaml $policy.monitoring.from | nindent 4 }}
  ports:
    - {protocol: TCP, port: operations}
{{- else if ne .service "gateway" }}[]
{{- end }}
{{- end }}
{{- end }}

{{- define "minirag.policy.out" -}}
{{- $policy := .root.Values.networkPolicy }}
- to: {{- toYaml $policy.dns.to | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{ include "minirag.policy.rule" $policy.nats }}
{{ include "minirag.policy.rule" $policy.postgres }}
{{- if eq .service "retrieval" }}
{{ include "minirag.policy.rule" $policy.qdrant }}
{{- end }}
{{- if $policy.telemetry.to }}
{{ include "minirag.policy.rule" $policy.telemetry }}
{{- end }}
{{- range get $policy.extra .service | default list }}
{{ include "minirag.policy.rule" . }}
{{- end }}
{{- if has .service $policy.internet.services }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/4]
    - ipBlock:
        cidr: 2000::/3
        except: ["2001::/23", "2001:db8::/32", "2002::/16"]
    {{- range $policy.internet.private }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports:
    {{- range $policy.internet.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "minirag.policy.rule" -}}
- to: {{- toYaml .to | nindent 4 }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
