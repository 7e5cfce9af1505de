"""Broker: who has which cluster, for how long, and what waits ready for the next one.

    lease        a cluster that is somebody's until a certain time; a row in the database
    pool         clusters made ahead of time, without owner and nodes
    queue        those for whom there is no room now, in the order of their coming
    room         how many more clusters this machine can hold, by what its memory says

What must be true at any moment, whoever is killed: the row of a lease is there before its cluster,
and goes after it. Putting right compares the rows with the provider's own list.
"""

from clusters.broker.broker import Broker
from clusters.broker.lease import Lease, LeaseState
from clusters.broker.room import CapacityExhausted
from clusters.broker.waiting import Place

__all__ = ["Broker", "CapacityExhausted", "Lease", "LeaseState", "Place"]
