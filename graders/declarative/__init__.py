"""Declarative checks: the common cases of a check, written in `checks/*.yaml`.

    apiVersion: assay.dev/v1
    kind: Check
    task: run-replicas
    require:
      - expect:
          kind: Deployment
          name: "{{ web }}"
          namespace: "{{ space }}"
          matches: {spec: {replicas: "{{ replicas }}"}}

They stand next to checks written in Python and end in the same results. How they are written is
said in docs/declarative-checks.md.
"""
