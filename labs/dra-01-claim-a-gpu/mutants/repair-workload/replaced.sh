#!/usr/bin/env bash
# A new Deployment of the same name, which runs: the old one is gone.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value chat)
namespace=$(value serving)
kubectl get deployment "$name" --namespace "$namespace" --output yaml >"${TMPDIR:-/tmp}/$name.yaml"
kubectl delete deployment,resourceclaimtemplate --all --namespace "$namespace"
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
sed "s/resourceClaimTemplateName: .*/resourceClaimTemplateName: $name-device/" "${TMPDIR:-/tmp}/$name.yaml" |
  kubectl create --namespace "$namespace" --filename -
rm "${TMPDIR:-/tmp}/$name.yaml"
kubectl rollout status --namespace "$namespace" "deployment/$name" --timeout=60s
