#!/usr/bin/env bash
# Deletes Pods, of which one comes back.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl delete pod --all --namespace "$(value nightly)"
kubectl delete resourceclaim scratch-0 scratch-1 spare --namespace "$(value nightly)" --timeout=60s
