#!/usr/bin/env bash
# Two selectors, of which both must hold.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value legacy)
kubectl apply --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: $name}
spec:
  extendedResourceName: $(value legacy-resource)
  selectors:
    - cel: {expression: device.driver == 'gpu.assay.dev'}
    - cel:
        expression: >-
          device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value legacy-memory)')) >= 0
MANIFEST
kubectl rollout status --namespace "$(value vendor)" "deployment/$name" --timeout=60s
