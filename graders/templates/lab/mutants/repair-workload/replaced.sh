#!/usr/bin/env bash
# Deletes the Deployment and makes one of the same name that runs: that is no repair.
set -euo pipefail
value() { kubectl get configmap lab -n assay-system -o "jsonpath={.data.$1}"; }

kubectl delete deployment "$(value queue)" -n "$(value space)"
kubectl create deployment "$(value queue)" -n "$(value space)" \
  --image=registry.k8s.io/pause:3.10 --replicas=2
