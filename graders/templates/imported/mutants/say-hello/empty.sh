#!/usr/bin/env bash
# Takes the place of the step say-hello: then exactly that task must fail.
set -euo pipefail
value() { kubectl get configmap lab -n assay-system -o "jsonpath={.data.$1}"; }

kubectl create configmap "$(value greeting)" -n "$(value space)"
