#!/usr/bin/env bash
# Empties the Deployment for a moment, to be rid of the Pods that do not start.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value chat)
namespace=$(value serving)
kubectl scale deployment --namespace "$namespace" "$name" --replicas=0
kubectl delete resourceclaimtemplate --namespace "$namespace" "$name-device"
kubectl create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name-device}
spec:
  spec:
    devices:
      requests:
        - name: model
          exactly:
            deviceClassName: gpu.assay.dev
            selectors:
              - cel:
                  expression: device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value chat-memory)')) >= 0
MANIFEST
kubectl patch deployment --namespace "$namespace" "$name" --type=json --patch '[
  {"op": "replace", "path": "/spec/template/spec/resourceClaims/0/resourceClaimTemplateName", "value": "'"$name-device"'"}]'
kubectl scale deployment --namespace "$namespace" "$name" --replicas=2
kubectl rollout status --namespace "$namespace" "deployment/$name" --timeout=60s
