"""Evidence bundles: what a check was told, so that it can be judged anew without the cluster.

recording   notes every exchange of a check with its cluster, inside the worker
redaction   takes the values of Secrets and tokens out, before anything leaves the worker
bundle      the recordings of one grading, and what the checks knew
store       keeps bundles by their digest
replay      lets a check look at a recording as if it were the cluster
"""
