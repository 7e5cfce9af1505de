#!/usr/bin/env bash
# Writes the number onto the nodes that a device plugin would: the Pods run, and have no device.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

resource=$(value legacy-resource)
for node in gpu-node-a gpu-node-b; do
  for field in capacity allocatable; do
    kubectl patch node "$node" --subresource=status --type=json \
      --patch '[{"op": "add", "path": "/status/'"$field/${resource/\//\~1}"'", "value": "8"}]'
  done
done
kubectl rollout status --namespace "$(value vendor)" "deployment/$(value legacy)" --timeout=60s
