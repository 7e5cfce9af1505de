#!/usr/bin/env bash
# Is evicted after an hour.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value doctor)
uuid=$(kubectl get resourceslice gpu-node-g-sxm.assay.dev --output go-template='
{{- range .spec.devices}}{{$uuid := .attributes.uuid.string}}{{range .taints}}{{if eq .key "sxm.assay.dev/quarantine"}}{{$uuid}}{{end}}{{end}}{{end}}')
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: $name}
spec:
  devices:
    requests:
      - name: patient
        exactly:
          deviceClassName: sxm.assay.dev
          selectors:
            - cel: {expression: "device.attributes['sxm.assay.dev'].uuid == '$uuid'"}
          tolerations:
            - {key: sxm.assay.dev/quarantine, operator: Exists, effect: NoExecute, tolerationSeconds: 3600}
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
    - {name: patient, resourceClaimName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
