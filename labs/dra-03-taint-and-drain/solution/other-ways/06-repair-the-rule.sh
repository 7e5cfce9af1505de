#!/usr/bin/env bash
# Edits the rules as they are, whatever is wrong with them.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

# The driver says which device is broken: pool and name.
read -r pool device < <(kubectl get resourceslices --output go-template='
{{- range .items}}{{$pool := .spec.pool.name}}{{range .spec.devices}}{{$name := .name}}
{{- range .taints}}{{if eq .key "oam.assay.dev/fan"}}{{$pool}} {{$name}}
{{end}}{{end}}{{end}}{{end}}')
rule=$(value rule)
kubectl get devicetaintrule "$rule" --output json |
  python3 -c '
import json, sys
rule = json.load(sys.stdin)
rule["spec"]["deviceSelector"] = {"pool": sys.argv[1], "device": sys.argv[2]}
json.dump(rule, sys.stdout)' "$pool" "$device" |
  kubectl replace --filename -
kubectl delete devicetaintrule "$rule-spring" --ignore-not-found
kubectl rollout status --namespace "$(value rendering)" "deployment/$(value batch)" --timeout=60s
