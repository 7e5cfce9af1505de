#!/usr/bin/env bash
# Says nothing about memory, so each takes the default.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value tenant)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: piece
          exactly:
            deviceClassName: share.assay.dev
            selectors:
              - cel: {expression: device.allowMultipleAllocations}
MANIFEST
for pod in "$name-a" "$name-b"; do
  kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: v1
kind: Pod
metadata: {name: $pod}
spec:
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: piece}]}
  resourceClaims:
    - {name: piece, resourceClaimTemplateName: $name}
MANIFEST
done
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name-a" "pod/$name-b" --timeout=30s
