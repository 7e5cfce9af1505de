#!/usr/bin/env bash
# By a command, and with a limit for something else beside it.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

kubectl create quota devices --namespace "$(value blue)" \
  --hard="premium.assay.dev.deviceclass.resource.k8s.io/devices=$(value premium-limit),count/resourceclaims.resource.k8s.io=50"
