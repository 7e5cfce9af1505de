#!/usr/bin/env bash
# The same rights in every namespace.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --filename - <<MANIFEST
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: devices}
rules:
  - apiGroups: [resource.k8s.io]
    resources: [resourceclaims, resourceclaimtemplates]
    verbs: [create, get, list, watch, delete]
  - apiGroups: [""]
    resources: [pods]
    verbs: [create, get, list, watch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: devices}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: devices}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: $(value developers)}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: device-classes}
rules:
  - apiGroups: [resource.k8s.io]
    resources: [deviceclasses]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: device-classes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: device-classes}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: $(value developers)}
MANIFEST
