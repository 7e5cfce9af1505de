#!/usr/bin/env bash
# Takes any device for a large one.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value flexible)
memory="device.capacity['gpu.assay.dev'].memory"
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpus
          firstAvailable:
            - name: large
              deviceClassName: gpu.assay.dev
              selectors:
                - cel: {expression: "$memory.compareTo(quantity('$(value small-memory)')) >= 0"}
            - name: pair
              deviceClassName: gpu.assay.dev
              count: 2
              selectors:
                - cel: {expression: "$memory.compareTo(quantity('$(value small-memory)')) >= 0"}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpus}]}
  resourceClaims:
    - {name: gpus, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
