#!/usr/bin/env bash
# A template under a new name, to which the Deployment is pointed.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value chat)
namespace=$(value serving)
kubectl create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name-repaired}
spec:
  spec:
    devices:
      requests:
        - name: gpu
          exactly:
            deviceClassName: gpu.assay.dev
            selectors:
              - cel:
                  expression: "!device.capacity['gpu.assay.dev'].memory.isLessThan(quantity('$(value chat-memory)'))"
MANIFEST
kubectl patch deployment --namespace "$namespace" "$name" --patch "
spec:
  template:
    spec:
      containers:
        - name: server
          resources: {claims: [{name: device, request: gpu}]}
      resourceClaims:
        - {name: device, resourceClaimTemplateName: $name-repaired}"
kubectl rollout status --namespace "$namespace" "deployment/$name" --timeout=60s
