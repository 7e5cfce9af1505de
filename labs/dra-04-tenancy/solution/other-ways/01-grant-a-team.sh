#!/usr/bin/env bash
# One role for all teams, granted in one namespace; by commands.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

verbs=create,get,list,watch,delete
kubectl create clusterrole device-users --verb="$verbs" \
  --resource=pods,resourceclaims.resource.k8s.io,resourceclaimtemplates.resource.k8s.io
kubectl create rolebinding device-users --namespace "$(value red)" \
  --clusterrole=device-users --group="$(value developers)"
kubectl create clusterrole class-readers --verb=get,list,watch --resource=deviceclasses.resource.k8s.io
kubectl create clusterrolebinding class-readers --clusterrole=class-readers --group="$(value developers)"
