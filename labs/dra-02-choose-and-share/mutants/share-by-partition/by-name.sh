#!/usr/bin/env bash
# Names the card that has room today.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value split)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: encode
          exactly:
            deviceClassName: part.assay.dev
            selectors:
              - cel: {expression: "device.attributes['part.assay.dev'].profile == 'half' && device.attributes['part.assay.dev'].card == 'card-1'"}
        - name: decode
          exactly:
            deviceClassName: part.assay.dev
            selectors:
              - cel: {expression: "device.attributes['part.assay.dev'].profile == 'half' && device.attributes['part.assay.dev'].card == 'card-1'"}
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
