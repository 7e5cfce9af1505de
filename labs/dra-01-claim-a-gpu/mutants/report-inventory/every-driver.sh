#!/usr/bin/env bash
# Counts the devices of every driver.
set -euo pipefail

value() { kubectl get configmap lab --namespace assay-system --output "jsonpath={.data.$1}"; }

# One line a device: memory in Gi, model, node, driver version.
gpus=$(kubectl get resourceslices --output go-template='
{{- range .items}}{{$node := .spec.nodeName}}{{if eq .spec.driver "gpu.assay.dev"}}
{{- range .spec.devices}}{{.capacity.memory.value}} {{.attributes.model.string}} {{$node}} {{.attributes.driverVersion.version}}
{{end}}{{end}}{{end}}')
total=$(kubectl get resourceslices --output jsonpath="{.items[*].spec.devices[*].name}" | wc -w)
largest=$(sort --numeric-sort <<<"$gpus" | tail -1)
oldest=$(sort --key=4,4 --version-sort <<<"$gpus" | head -1)
count=$(grep --count "^${largest%% *} " <<<"$gpus")
model=$(cut -d' ' -f2 <<<"$largest")

kubectl create configmap inventory --namespace "$(value team)" \
  --from-literal=gpus="$total" \
  --from-literal=largest-model="$model" \
  --from-literal=largest-count="$count" \
  --from-literal=outdated-node="$(cut -d' ' -f3 <<<"$oldest")" \
  --from-literal=outdated-driver="$(cut -d' ' -f4 <<<"$oldest")" \
  --dry-run=client --output yaml | kubectl apply --filename -
