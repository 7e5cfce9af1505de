#!/usr/bin/env bash
# Limits the neighbours.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --namespace "$(value red)" --filename - <<MANIFEST
apiVersion: v1
kind: ResourceQuota
metadata: {name: devices}
spec:
  hard:
    premium.assay.dev.deviceclass.resource.k8s.io/devices: $(value premium-limit)
MANIFEST
