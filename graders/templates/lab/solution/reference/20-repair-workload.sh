#!/usr/bin/env bash
set -euo pipefail
value() { kubectl get configmap lab -n assay-system -o "jsonpath={.data.$1}"; }

kubectl patch deployment "$(value queue)" -n "$(value space)" --type=json \
  -p '[{"op": "replace", "path": "/spec/template/spec/nodeSelector/zone", "value": "a"}]'
