"""What the checks of labs about Dynamic Resource Allocation share.

Facts and limits of the API: resource.k8s.io/v1, Kubernetes 1.34 and later.
"""

from graders.dra.admission import claims_granted, expect_admits
from graders.dra.asking import asked, is_given
from graders.dra.extended import bridged_devices
from graders.dra.hindrance import SCHEDULER
from graders.dra.inventory import Inventory, expect_untouched, memory_of, record_inventory
from graders.dra.placement import Placement, placement_of, running_pod
from graders.dra.unseen import UnseenDevice
from graders.dra.workload import expect_only_claims_changed, pod_like, pods_of, running_pods_of

__all__ = [
    "SCHEDULER",
    "Inventory",
    "Placement",
    "UnseenDevice",
    "asked",
    "bridged_devices",
    "claims_granted",
    "expect_admits",
    "expect_only_claims_changed",
    "expect_untouched",
    "is_given",
    "memory_of",
    "placement_of",
    "pod_like",
    "pods_of",
    "record_inventory",
    "running_pod",
    "running_pods_of",
]
