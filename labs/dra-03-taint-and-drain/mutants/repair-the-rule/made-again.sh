#!/usr/bin/env bash
# The right rule, which was away for a moment.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

# The driver says which device is broken: pool and name.
read -r pool device < <(kubectl get resourceslices --output go-template='
{{- range .items}}{{$pool := .spec.pool.name}}{{range .spec.devices}}{{$name := .name}}
{{- range .taints}}{{if eq .key "oam.assay.dev/fan"}}{{$pool}} {{$name}}
{{end}}{{end}}{{end}}{{end}}')
rule=$(value rule)
kubectl delete devicetaintrule "$rule" "$rule-spring" --ignore-not-found
kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: {name: $rule}
spec:
  deviceSelector: {driver: oam.assay.dev, pool: $pool, device: $device}
  taint: {key: $(value ops).example/fan, value: failed, effect: NoSchedule}
MANIFEST
kubectl rollout status --namespace "$(value rendering)" "deployment/$(value batch)" --timeout=60s
