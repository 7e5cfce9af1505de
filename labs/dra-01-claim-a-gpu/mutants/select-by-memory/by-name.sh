#!/usr/bin/env bash
# Knows by heart which model of today would do.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

name=$(value roomy)
model=$(kubectl get resourceslices --output go-template='
{{- range .items}}{{if eq .spec.driver "gpu.assay.dev"}}
{{- range .spec.devices}}{{.capacity.memory.value}} {{.attributes.model.string}}
{{end}}{{end}}{{end}}' | sort --numeric-sort | tail -1 | cut -d' ' -f2)
kubectl apply --namespace "$(value team)" --filename - <<MANIFEST
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: $name}
spec:
  spec:
    devices:
      requests:
        - name: gpu
          exactly:
            deviceClassName: gpu.assay.dev
            selectors:
              - cel:
                  expression: >-
                    device.attributes['gpu.assay.dev'].model == '$model' &&
                    device.capacity['gpu.assay.dev'].memory.compareTo(quantity('$(value roomy-memory)')) >= 0
---
apiVersion: v1
kind: Pod
metadata: {name: $name}
spec:
  containers:
    - name: main
      image: registry.k8s.io/pause:3.10
      resources: {claims: [{name: gpu}]}
  resourceClaims:
    - {name: gpu, resourceClaimTemplateName: $name}
MANIFEST
kubectl wait --namespace "$(value team)" --for=condition=Ready "pod/$name" --timeout=30s
