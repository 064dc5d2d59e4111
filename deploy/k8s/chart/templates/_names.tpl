{{/* Names and labels. Calls take (dict "root" $ "service" "chat"). */}}

{{- define "minirag.name" -}}
{{ printf "%s-%s" (trunc 40 .root.Release.Name | trimSuffix "-") .service }}
{{- end }}

{{/* What selects the pods of one service; never changes. */}}
{{- define "minirag.selector" -}}
{{ include "minirag.release" .root }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{/* What selects all pods of the release. */}}
{{- define "minirag.release" -}}
app.kubernetes.io/name: minirag
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "minirag.labels" -}}
{{ include "minirag.selector" . }}
app.kubernetes.io/part-of: minirag
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- end }}

{{- define "minirag.image" -}}
{{- $image := .root.Values.image }}
{{- $name := printf "minirag-%s" .service }}
{{- with $image.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end }}
{{- $digest := get $image.digests .service }}
{{- if $digest }}{{ printf "%s@%s" $name $digest }}{{ else }}{{ printf "%s:%s" $name ($image.tag | default .root.Chart.AppVersion) }}{{ end }}
{{- end }}

{{/* A value as the text of a variable: numbers without an exponent, lists and objects as JSON. */}}
{{- define "minirag.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- else if or (kindIs "slice" .) (kindIs "map" .) }}{{ toJson . }}
{{- else }}{{ toString . }}
{{- end }}
{{- end }}
