#!/usr/bin/env bash
# Clears the namespace of the neighbour as well, where things have the same names.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

for namespace in "$(value nightly)" "$(value neighbour)"; do
  kubectl delete deployment,pod,resourceclaim --all --namespace "$namespace" --timeout=60s
done
