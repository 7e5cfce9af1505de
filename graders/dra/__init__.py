"""What the checks of labs about Dynamic Resource Allocation share.

Facts and limits of the API: resource.k8s.io/v1, Kubernetes 1.34 and later.
"""

from graders.dra.admission import claims_granted, expect_admits
from graders.dra.hindrance import SCHEDULER
from graders.dra.inventory import Inventory, expect_untouched, memory_of, record_inventory
from graders.dra.placement import Placement, placement_of, running_pod
from graders.dra.unseen import UnseenDevice

__all__ = [
    "SCHEDULER",
    "Inventory",
    "Placement",
    "UnseenDevice",
    "claims_granted",
    "expect_admits",
    "expect_untouched",
    "memory_of",
    "placement_of",
    "record_inventory",
    "running_pod",
]
