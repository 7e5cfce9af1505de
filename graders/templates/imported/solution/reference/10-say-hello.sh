#!/usr/bin/env bash
# Sees what a learner sees: the cluster, and no parameters but those that the notebook shows.
set -euo pipefail
value() { kubectl get configmap lab -n assay-system -o "jsonpath={.data.$1}"; }

kubectl create configmap "$(value greeting)" -n "$(value space)" --from-literal=note=hello
