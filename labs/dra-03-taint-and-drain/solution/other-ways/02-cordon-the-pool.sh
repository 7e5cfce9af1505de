#!/usr/bin/env bash
# A rule for each device of the pool, with a value.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

for device in $(kubectl get resourceslice gpu-node-c-hgx.assay.dev --output 'jsonpath={.spec.devices[*].name}'); do
  kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceTaintRule
metadata: {name: maintenance-$device}
spec:
  deviceSelector: {driver: hgx.assay.dev, pool: gpu-node-c, device: $device}
  taint: {key: $(value ops).example/maintenance, value: driver, effect: NoSchedule}
MANIFEST
done
