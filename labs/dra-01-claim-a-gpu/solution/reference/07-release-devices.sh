#!/usr/bin/env bash
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

namespace=$(value nightly)
kubectl delete deployment,pod,resourceclaim --all --namespace "$namespace" --timeout=60s
kubectl delete resourceclaimtemplate --all --namespace "$namespace"
