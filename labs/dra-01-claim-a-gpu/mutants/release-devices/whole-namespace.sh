#!/usr/bin/env bash
# Deletes the namespace, and the results with it.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl delete namespace "$(value nightly)" --timeout=60s
