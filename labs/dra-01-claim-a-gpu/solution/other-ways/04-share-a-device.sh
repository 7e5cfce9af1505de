#!/usr/bin/env bash
# Two claims of one device, instead of one claim with two requests.
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
        - name: gpu
          exactly: {deviceClassName: gpu.assay.dev}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: server
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: serving}]}
    - name: profiler
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: serving}]}
    - name: indexer
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: indexing}]}
  resourceClaims:
    - {name: serving, resourceClaimTemplateName: $name}
    - {name: indexing, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
