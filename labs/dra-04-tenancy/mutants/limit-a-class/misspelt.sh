#!/usr/bin/env bash
# A name that nothing has: accepted, and counts nothing.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --namespace "$(value blue)" --filename - <<MANIFEST
apiVersion: v1
kind: ResourceQuota
metadata: {name: devices}
spec:
  hard:
    premium.deviceclass.resource.k8s.io/devices: $(value premium-limit)
MANIFEST
