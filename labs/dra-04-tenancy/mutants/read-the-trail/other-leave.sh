#!/usr/bin/env bash
# Takes somebody who bound a role elsewhere, and may not have.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

trail() { kubectl get configmap audit --namespace "$(value records)" --output 'jsonpath={.data.audit\.jsonl}'; }

read -r user impersonated < <(trail | python3 -c '
import json, sys
for event in map(json.loads, sys.stdin):
    at = event["objectRef"]
    deleted = event["verb"] == "delete" and event["responseStatus"]["code"] == 200
    if deleted and (at["namespace"], at["name"]) == (sys.argv[1], sys.argv[2]):
        print(event["user"]["username"], event["impersonatedUser"]["username"])
' "$(value green)" "$(value lost)")
granted=$(trail | python3 -c '
import json, sys
for event in map(json.loads, sys.stdin):
    if event["objectRef"]["resource"] == "rolebindings":
        print(event["user"]["username"])
')
kubectl create configmap incident --namespace "$(value records)" \
  --from-literal=user="$user" \
  --from-literal=impersonated="$impersonated" \
  --from-literal=granted-by="$granted" \
  --dry-run=client --output yaml | kubectl apply --filename -
