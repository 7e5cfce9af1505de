#!/usr/bin/env bash
# A request for each device, instead of a count.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value trainer)
requests() {
  for number in $(seq "$(value trainer-devices)"); do
    echo "        - {name: gpu-$number, exactly: {deviceClassName: gpu.assay.dev}}"
  done
}
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name-gpus}
spec:
  spec:
    devices:
      requests:
$(requests)
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: train
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpus}]}
  resourceClaims:
    - {name: gpus, resourceClaimTemplateName: $name-gpus}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
