#!/usr/bin/env bash
# Cordons the device and deletes the Pod by hand.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

failing=$(kubectl get resourceslice gpu-node-a-gpu.assay.dev --output go-template='
{{- range .spec.devices}}{{$name := .name}}{{range .taints}}{{if eq .value "uncorrected"}}{{$name}}{{end}}{{end}}{{end}}')
kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: {name: failing}
spec:
  deviceSelector: {driver: gpu.assay.dev, pool: gpu-node-a, device: $failing}
  taint: {key: $(value ops).example/failing, effect: NoSchedule}
MANIFEST
pod=$(kubectl get resourceclaims --namespace "$(value serving)" --output go-template='
{{- range .items}}{{$claim := .}}{{range .status.allocation.devices.results}}{{.device}} {{(index $claim.status.reservedFor 0).name}}
{{end}}{{end}}' | grep "^$failing " | cut -d' ' -f2)
kubectl delete pod "$pod" --namespace "$(value serving)"
kubectl rollout status --namespace "$(value serving)" "deployment/$(value chat)" --timeout=60s
