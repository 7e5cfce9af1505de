#!/usr/bin/env bash
# Another role beside the wrong one, whose binding goes.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value runner)
namespace=$(value yellow)
kubectl delete rolebinding,role "$name" --namespace "$namespace"
kubectl create role jobs --namespace "$namespace" \
  --verb=create,get,list,watch,delete --resource=pods,resourceclaims.resource.k8s.io
kubectl create rolebinding jobs --namespace "$namespace" --role=jobs --serviceaccount="$namespace:$name"
