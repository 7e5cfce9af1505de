#!/usr/bin/env bash
# Each choice is a class of its own.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value flexible)
memory="device.capacity['gpu.assay.dev'].memory"
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: $name-large}
spec:
  selectors:
    - cel: {expression: device.driver == 'gpu.assay.dev'}
    - cel: {expression: "$memory.compareTo(quantity('$(value large-memory)')) >= 0"}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: $name-small}
spec:
  selectors:
    - cel: {expression: device.driver == 'gpu.assay.dev'}
    - cel: {expression: "$memory.compareTo(quantity('$(value small-memory)')) >= 0"}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpus
          firstAvailable:
            - {name: large, deviceClassName: $name-large}
            - {name: pair, deviceClassName: $name-small, count: 2}
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
