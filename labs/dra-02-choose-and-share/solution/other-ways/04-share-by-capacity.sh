#!/usr/bin/env bash
# What can be shared is told by an attribute; each tenant has a template of its own.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value tenant)
for template in "$name-a" "$name-b"; do
  kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $template}
spec:
  spec:
    devices:
      requests:
        - name: piece
          exactly:
            deviceClassName: share.assay.dev
            selectors:
              - cel: {expression: "device.attributes['share.assay.dev'].mode == 'shared'"}
            capacity: {requests: {memory: $(value tenant-memory)}}
MANIFEST
done
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
    - {name: piece, resourceClaimTemplateName: $pod}
MANIFEST
done
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name-a" "pod/$name-b" --timeout=30s
