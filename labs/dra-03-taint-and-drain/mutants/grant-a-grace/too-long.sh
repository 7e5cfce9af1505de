#!/usr/bin/env bash
# Stays for a day.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value trainer)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpu
          exactly:
            deviceClassName: sxm.assay.dev
            tolerations:
              - key: $(value ops).example/maintenance
                operator: Exists
                effect: NoExecute
                tolerationSeconds: 86400
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
