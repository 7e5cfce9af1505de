#!/usr/bin/env bash
# A ready-made claim for each Pod, instead of a template.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value trial)
for pod in "$name-a" "$name-b"; do
  kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: $pod}
spec:
  devices:
    requests:
      - name: gpu
        exactly: {deviceClassName: gpu.assay.dev}
---
apiVersion: v1
kind: Pod
metadata: {name: $pod}
spec:
  containers:
    - name: trial
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpu}]}
  resourceClaims:
    - {name: gpu, resourceClaimName: $pod}
MANIFEST
done
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name-a" "pod/$name-b" --timeout=30s
