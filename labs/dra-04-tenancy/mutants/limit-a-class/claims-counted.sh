#!/usr/bin/env bash
# Counts claims, however many devices each wants.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --namespace "$(value blue)" --filename - <<MANIFEST
apiVersion: v1
kind: ResourceQuota
metadata: {name: devices}
spec:
  hard:
    count/resourceclaims.resource.k8s.io: $(value premium-limit)
MANIFEST
