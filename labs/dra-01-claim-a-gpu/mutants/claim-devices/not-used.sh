#!/usr/bin/env bash
# The Pod has the devices, its container may not use them.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value trainer)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpus
          exactly: {deviceClassName: gpu.assay.dev, count: $(value trainer-devices)}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: train
      image: registry.k8s.io/pause:3.10
  resourceClaims:
    - {name: gpus, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
