#!/usr/bin/env bash
# Looks first what would happen, and then lets it.
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
  taint: {key: $(value ops).example/failing, value: memory, effect: None}
MANIFEST
kubectl wait devicetaintrule/failing --timeout=60s \
  --for='jsonpath={.status.conditions[?(@.type=="EvictionInProgress")].reason}=NoEffect'
kubectl patch devicetaintrule failing --type=merge --patch '{"spec": {"taint": {"effect": "NoExecute"}}}'
# Once nobody is left who does not tolerate it, the rule says so.
kubectl wait --for='jsonpath={.status.conditions[?(@.type=="EvictionInProgress")].reason}=Completed' \
  devicetaintrule/failing --timeout=60s
kubectl rollout status --namespace "$(value serving)" "deployment/$(value chat)" --timeout=60s
