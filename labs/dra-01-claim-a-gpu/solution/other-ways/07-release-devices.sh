#!/usr/bin/env bash
# Nothing is deleted but what holds devices.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

namespace=$(value nightly)
kubectl scale deployment retry --replicas=0 --namespace "$namespace"
kubectl delete pod debug-shell --namespace "$namespace"
kubectl delete resourceclaim scratch-0 scratch-1 spare --namespace "$namespace" --timeout=60s
kubectl wait --for=delete resourceclaim --all --namespace "$namespace" --timeout=60s
