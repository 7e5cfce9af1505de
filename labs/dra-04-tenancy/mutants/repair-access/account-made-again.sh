#!/usr/bin/env bash
# A new account of the same name: who uses the old one is shut out.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value runner)
namespace=$(value yellow)

# What a binding refers to cannot be changed, only replaced.
kubectl delete rolebinding "$name" --namespace "$namespace"
kubectl delete serviceaccount "$name" --namespace "$namespace"
kubectl create serviceaccount "$name" --namespace "$namespace"
kubectl apply --namespace "$namespace" --filename - <<MANIFEST
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: $name}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [create, get, list, watch, delete]
  - apiGroups: [resource.k8s.io]
    resources: [resourceclaims]
    verbs: [create, get, list, watch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: $name}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: $name}
subjects:
  - {kind: ServiceAccount, name: $name, namespace: $namespace}
MANIFEST
