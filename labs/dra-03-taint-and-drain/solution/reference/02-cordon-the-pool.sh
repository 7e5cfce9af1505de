#!/usr/bin/env bash
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: {name: maintenance}
spec:
  deviceSelector: {driver: hgx.assay.dev, pool: gpu-node-c}
  taint: {key: $(value ops).example/maintenance, effect: NoSchedule}
MANIFEST
