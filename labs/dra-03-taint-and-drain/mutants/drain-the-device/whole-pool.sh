#!/usr/bin/env bash
# Evicts everybody in the pool.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

failing=$(kubectl get resourceslice gpu-node-a-gpu.assay.dev --output go-template='
{{- range .spec.devices}}{{$name := .name}}{{range .taints}}{{if eq .value "uncorrected"}}{{$name}}{{end}}{{end}}{{end}}')
kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: {name: failing}
spec:
  deviceSelector: {driver: gpu.assay.dev, pool: gpu-node-a}
  taint: {key: $(value ops).example/failing, effect: NoExecute}
MANIFEST
# Once nobody is left who does not tolerate it, the rule says so.
kubectl wait --for='jsonpath={.status.conditions[?(@.type=="EvictionInProgress")].status}=False' \
  devicetaintrule/failing --timeout=60s
kubectl rollout status --namespace "$(value serving)" "deployment/$(value chat)" --timeout=60s
