#!/usr/bin/env bash
# Sees the devices of another node.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value watcher)
namespace=$(value monitoring)
kubectl label namespace --selector resource.kubernetes.io/admin-access resource.kubernetes.io/admin-access-
kubectl label namespace "$namespace" resource.kubernetes.io/admin-access=true
kubectl apply --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: $name}
spec:
  devices:
    requests:
      - name: every
        exactly: {deviceClassName: gpu.assay.dev, allocationMode: All, adminAccess: true}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  nodeSelector: {kubernetes.io/hostname: gpu-node-a}
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: every}]}
  resourceClaims:
    - {name: every, resourceClaimName: $name}
MANIFEST
kubectl wait --namespace "$namespace" --for=condition=Ready "pod/$name" --timeout=30s
