#!/usr/bin/env bash
# By a template, and tolerating each effect by an entry of its own.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value doctor)
uuid=$(kubectl get resourceslice gpu-node-g-sxm.assay.dev --output go-template='
{{- range .spec.devices}}{{$uuid := .attributes.uuid.string}}{{range .taints}}{{if eq .key "sxm.assay.dev/quarantine"}}{{$uuid}}{{end}}{{end}}{{end}}')
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: patient
          exactly:
            deviceClassName: sxm.assay.dev
            selectors:
              - cel: {expression: "device.attributes['sxm.assay.dev'].?uuid.orValue('') == '$uuid'"}
            tolerations:
              - {key: sxm.assay.dev/quarantine, operator: Exists, effect: NoExecute}
              - {key: sxm.assay.dev/quarantine, operator: Exists, effect: NoSchedule}
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: patient}]}
  resourceClaims:
    - {name: patient, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
