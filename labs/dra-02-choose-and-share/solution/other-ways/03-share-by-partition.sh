#!/usr/bin/env bash
# The rule is a class, and the constraint is for every request of the claim.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value split)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: $name-half}
spec:
  selectors:
    - cel: {expression: "device.driver == 'part.assay.dev' && device.attributes['part.assay.dev'].profile == 'half'"}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: encode
          exactly: {deviceClassName: $name-half}
        - name: decode
          exactly: {deviceClassName: $name-half}
      constraints:
        - {matchAttribute: part.assay.dev/card}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: encoder
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: parts, request: encode}]}
    - name: decoder
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: parts, request: decode}]}
  resourceClaims:
    - {name: parts, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
