#!/usr/bin/env bash
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value runner)
namespace=$(value yellow)

# Changes what differs, and nothing else: a binding that refers to another role is made anew.
kubectl auth reconcile --namespace "$namespace" --remove-extra-permissions --remove-extra-subjects --filename - <<MANIFEST
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: $name, namespace: $namespace}
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
metadata: {name: $name, namespace: $namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: $name}
subjects:
  - {kind: ServiceAccount, name: $name, namespace: $namespace}
MANIFEST
