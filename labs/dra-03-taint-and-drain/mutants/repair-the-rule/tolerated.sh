#!/usr/bin/env bash
# The Pods tolerate the taint, so that one of them gets the broken device.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

# The driver says which device is broken: pool and name.
read -r pool device < <(kubectl get resourceslices --output go-template='
{{- range .items}}{{$pool := .spec.pool.name}}{{range .spec.devices}}{{$name := .name}}
{{- range .taints}}{{if eq .key "oam.assay.dev/fan"}}{{$pool}} {{$name}}
{{end}}{{end}}{{end}}{{end}}')
rule=$(value rule)
name=$(value batch)
namespace=$(value rendering)
kubectl delete resourceclaimtemplate "$name" --namespace "$namespace"
kubectl create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: module
          exactly:
            deviceClassName: oam.assay.dev
            tolerations: [{key: $(value ops).example/fan, operator: Exists}]
MANIFEST
kubectl delete pods --namespace "$namespace" --field-selector status.phase=Pending
kubectl rollout status --namespace "$(value rendering)" "deployment/$(value batch)" --timeout=60s
