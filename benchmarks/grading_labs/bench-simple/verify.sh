#!/bin/sh
# What a lab's verify.sh usually is: kubectl, three times.
set -eu
test -n "$(kubectl get node gpu-node-1 -o 'jsonpath={.status.allocatable.cpu}')"
test -n "$(kubectl get deviceclasses -o name)"
test -n "$(kubectl get configmap kube-root-ca.crt -n default -o 'jsonpath={.data.ca\.crt}')"
