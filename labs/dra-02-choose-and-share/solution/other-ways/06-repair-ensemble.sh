#!/usr/bin/env bash
# Another template beside the wrong one, with a request for each device; the Deployment names it.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value ensemble)
namespace=$(value serving)

kubectl create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name-linked}
spec:
  spec:
    devices:
      requests:
        - name: first
          exactly:
            deviceClassName: gpu.assay.dev
            selectors:
              - cel:
                  expression: device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value ensemble-memory)')) >= 0
        - name: second
          exactly:
            deviceClassName: gpu.assay.dev
            selectors:
              - cel:
                  expression: device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value ensemble-memory)')) >= 0
      constraints:
        - {requests: [first, second], matchAttribute: gpu.assay.dev/island}
MANIFEST
kubectl patch deployment --namespace "$namespace" "$name" --type=json --patch '[
  {"op": "replace", "path": "/spec/template/spec/resourceClaims/0/resourceClaimTemplateName", "value": "'"$name-linked"'"}]'
kubectl rollout status --namespace "$namespace" "deployment/$name" --timeout=60s
