#!/usr/bin/env bash
# A policy for each kind, of which each says where it holds, and sums of its own.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

policy() { # kind, plural, where the requests stand
  kubectl apply --filename - <<MANIFEST
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: modest-$2}
spec:
  matchConstraints:
    namespaceSelector:
      matchExpressions: [{key: $(value ops).example/tenant, operator: In, values: ["true"]}]
    resourceRules:
      - {apiGroups: [resource.k8s.io], apiVersions: ["*"], operations: ["*"], resources: [$2]}
  matchConditions:
    - {name: made, expression: request.operation == 'CREATE'}
  validations:
    - message: A claim needs a cost centre.
      expression: >-
        has(object.metadata.labels) && '$(value ops).example/cost-centre' in object.metadata.labels
    - message: A claim wants $(value claim-limit) devices at most, and says how many.
      expression: >-
        $3.devices.requests.map(r, has(r.exactly)
        ? (r.exactly.allocationMode == 'All' ? 1000 : r.exactly.count)
        : r.firstAvailable.map(one, one.allocationMode == 'All' ? 1000 : one.count).max()
        ).sum() < $(value claim-limit) + 1
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: modest-$2}
spec: {policyName: modest-$2, validationActions: [Deny, Audit]}
MANIFEST
}

policy ResourceClaim resourceclaims object.spec
policy ResourceClaimTemplate resourceclaimtemplates object.spec.spec
# A policy takes effect a moment after it was made.
for _ in $(seq 50); do
  kubectl create --namespace "$(value green)" --dry-run=server --filename - <<<'{
    "apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": {"name": "nobodys"},
    "spec": {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu.assay.dev"}}]}}}' || break
  sleep 0.2
done
