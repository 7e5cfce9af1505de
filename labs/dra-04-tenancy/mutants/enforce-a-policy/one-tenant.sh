#!/usr/bin/env bash
# Holds for one tenant.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl apply --filename - <<MANIFEST
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: claims-of-tenants}
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [resource.k8s.io]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [resourceclaims, resourceclaimtemplates]
  variables:
    - name: requests
      expression: "(object.kind == 'ResourceClaim' ? object.spec : object.spec.spec).devices.requests"
    - name: wishes
      expression: "variables.requests.map(r, has(r.exactly) ? [r.exactly] : r.firstAvailable)"
  validations:
    - message: A claim needs a cost centre.
      expression: "'$(value ops).example/cost-centre' in object.metadata.?labels.orValue({})"
    - message: A claim says how many devices it wants.
      expression: variables.wishes.all(w, w.all(one, one.allocationMode == 'ExactCount'))
    - message: A claim wants $(value claim-limit) devices at most.
      expression: variables.wishes.map(w, w.map(one, one.?count.orValue(0)).max()).sum() <= $(value claim-limit)
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: claims-of-tenants}
spec:
  policyName: claims-of-tenants
  validationActions: [Deny]
  matchResources:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $(value green)}}
MANIFEST
# A policy takes effect a moment after it was made.
for _ in $(seq 50); do
  kubectl create --namespace "$(value green)" --dry-run=server --filename - <<<'{
    "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "nobodys"},
    "spec": {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu.assay.dev"}}]}}}' || break
  sleep 0.2
done
