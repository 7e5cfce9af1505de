#!/usr/bin/env bash
# Neighbours on the board are not neighbours by links.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value ensemble)
namespace=$(value serving)

# A claim template cannot be changed, only replaced.
kubectl delete resourceclaimtemplate --namespace "$namespace" "$name-pair"
kubectl create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name-pair}
spec:
  spec:
    devices:
      requests:
        - name: pair
          exactly:
            deviceClassName: gpu.assay.dev
            count: 2
            selectors:
              - cel:
                  expression: device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value ensemble-memory)')) >= 0
      constraints:
        - {requests: [pair], matchAttribute: gpu.assay.dev/numaNode}
MANIFEST
# Claims of the old template stay with their Pods: new Pods get new claims.
kubectl rollout restart --namespace "$namespace" "deployment/$name"
kubectl rollout status --namespace "$namespace" "deployment/$name" --timeout=60s
