#!/usr/bin/env bash
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

# The driver says which device is broken: pool and name.
read -r pool device < <(kubectl get resourceslices --output go-template='
{{- range .items}}{{$pool := .spec.pool.name}}{{range .spec.devices}}{{$name := .name}}
{{- range .taints}}{{if eq .key "oam.assay.dev/fan"}}{{$pool}} {{$name}}
{{end}}{{end}}{{end}}{{end}}')
rule=$(value rule)
kubectl delete devicetaintrule "$rule-spring" --ignore-not-found
kubectl patch devicetaintrule "$rule" --type=merge \
  --patch '{"spec": {"deviceSelector": {"driver": "oam.assay.dev", "pool": "'"$pool"'", "device": "'"$device"'"}}}'
kubectl rollout status --namespace "$(value rendering)" "deployment/$(value batch)" --timeout=60s
