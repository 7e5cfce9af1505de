#!/usr/bin/env bash
# The third container shares the device too.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value duo)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: serving
          exactly: {deviceClassName: gpu.assay.dev}
        - name: indexing
          exactly: {deviceClassName: gpu.assay.dev}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: server
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpus, request: serving}]}
    - name: profiler
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpus, request: serving}]}
    - name: indexer
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpus, request: serving}]}
  resourceClaims:
    - {name: gpus, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
