#!/usr/bin/env bash
# The rule stands in a class, and a missing attribute has a value of its own.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value linked)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: $name}
spec:
  selectors:
    - cel:
        expression: >-
          device.driver == 'gpu.assay.dev' &&
          device.attributes['gpu.assay.dev'].?island.orValue('') != '' &&
          device.capacity['gpu.assay.dev'].memory.isGreaterThan(quantity('$(value linked-memory)').sub(1))
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpu
          exactly:
            deviceClassName: $name
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpu}]}
  resourceClaims:
    - {name: gpu, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
