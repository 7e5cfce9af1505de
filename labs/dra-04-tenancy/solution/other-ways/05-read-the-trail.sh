#!/usr/bin/env bash
# By lines of text.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

trail() { kubectl get configmap audit --namespace "$(value records)" --output 'jsonpath={.data.audit\.jsonl}'; }

name() { sed --regexp-extended "s/.*\"$1\": \{\"username\": \"([^\"]*)\".*/\1/"; }

deed=$(trail | grep '"verb": "delete"' | grep '"code": 200' |
  grep --fixed-strings "\"name\": \"$(value lost)\", \"namespace\": \"$(value green)\"")
leave=$(trail | grep '"resource": "clusterrolebindings"' | grep '"verb": "create"')
kubectl create --filename - <<MANIFEST
apiVersion: v1
kind: ConfigMap
metadata: {name: incident, namespace: $(value records)}
data:
  user: $(name user <<<"$deed")
  impersonated: $(name impersonatedUser <<<"$deed")
  granted-by: $(name user <<<"$leave")
MANIFEST
