#!/usr/bin/env bash
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

failing=$(kubectl get resourceslice gpu-node-a-gpu.assay.dev --output go-template='
{{- range .spec.devices}}{{$name := .name}}{{range .taints}}{{if eq .value "uncorrected"}}{{$name}}{{end}}{{end}}{{end}}')
# One line a claim: pool, device, Pod.
pod=$(kubectl get resourceclaims --namespace "$(value serving)" --output go-template='
{{- range .items}}{{$claim := .}}{{range .status.allocation.devices.results}}{{.pool}} {{.device}} {{(index $claim.status.reservedFor 0).name}}
{{end}}{{end}}' | grep "^gpu-node-a $failing " | cut -d' ' -f3)

kubectl create configmap incident --namespace "$(value team)" \
  --from-literal=device="gpu-node-a/$failing" \
  --from-literal=pod="$(value serving)/$pod" \
  --dry-run=client --output yaml | kubectl apply --filename -
