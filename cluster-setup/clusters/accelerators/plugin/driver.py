"""NodeDriver: prepares and unprepares claims on one node, again and again if asked to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

import httpx

from clusters.accelerators.plugin.allotment import (
    Allotment,
    Entry,
    Refused,
    allotments,
    is_uid,
)
from clusters.accelerators.plugin.api_server import ApiServer
from clusters.accelerators.plugin.cdi import ClaimId
from clusters.accelerators.plugin.prepared import PreparedClaims

_LOG = logging.getLogger(__name__)


class NodeDriver:
    """What the driver does for one node; safe from several threads."""

    def __init__(
        self,
        driver: str,
        pool: str,
        published: Mapping[str, Entry],
        api: ApiServer,
        prepared: PreparedClaims,
    ) -> None:
        """Make the driver of one node.

        Args:
            driver: name of the DRA driver.
            pool: of the node's devices; also the node's name.
            published: the devices of the node by name.
            api: who knows the claims.
            prepared: what is prepared on the node.
        """
        self.driver, self.pool = driver, pool
        self._published, self._api, self._prepared = published, api, prepared
        self._one_at_a_time = threading.Lock()

    def prepare(self, claim: ClaimId) -> list[Allotment]:
        """Hand the devices of a claim over, and return them; the same again changes nothing.

        Raises:
            Refused: says why it cannot be done; the kubelet tries again.
        """
        with self._one_at_a_time:
            try:
                devices = self._look_up(claim)
                self._require_free(claim, devices)
                self._prepared.write(claim, devices)
            except httpx.HTTPError as error:
                raise Refused(f"the API server does not answer: {error}") from error
            except OSError as error:
                raise Refused(f"a file could not be written: {error.strerror}") from error
            _LOG.info("prepared %s: %s", claim, ", ".join(one.device for one in devices))
            return devices

    def unprepare(self, uid: str) -> None:
        """Take back what was handed over for a claim; a claim nobody knows is no error.

        Raises:
            Refused: says why it cannot be done; the kubelet tries again.
        """
        if not is_uid(uid):
            raise Refused("the claim has no uid")
        with self._one_at_a_time:
            try:
                self._prepared.remove(uid)
            except OSError as error:
                raise Refused(f"a file could not be removed: {error.strerror}") from error
            _LOG.info("unprepared %s", uid)

    def clear(self) -> None:
        """Take away what was prepared for claims that nobody has any more.

        Raises:
            httpx.HTTPError: the API server does not say which there are.
            OSError: a file could not be removed.
        """
        with self._one_at_a_time:
            if stale := self._prepared.clear(self._api.claim_uids()):
                _LOG.info("cleared what was left of %s", ", ".join(stale))

    def _look_up(self, claim: ClaimId) -> list[Allotment]:
        found = self._api.claim(claim.namespace, claim.name)
        if found is None:
            raise Refused(f"there is no claim {claim}")
        if not is_uid(claim.uid):
            raise Refused(f"the claim {claim} has no uid")
        return allotments(found, claim.uid, self.driver, self.pool, self._published)

    def _require_free(self, claim: ClaimId, devices: Sequence[Allotment]) -> None:
        """Refuse a device that is still handed over to somebody else.

        The scheduler may give a device anew while the node has not taken it back yet: it does so
        when a Pod was deleted by force.
        """
        for one in devices:
            if not one.exclusive:
                continue
            for holder in self._prepared.holders(one.device):
                if holder.uid != claim.uid and self._still_has(holder, one.device):
                    raise Refused(f"device {one.device} is still prepared for claim {holder}")

    def _still_has(self, holder: ClaimId, device: str) -> bool:
        """Say whether a claim has a device to itself; of one that is gone the rest is removed."""
        found = self._api.claim(holder.namespace, holder.name)
        if found is None or found["metadata"]["uid"] != holder.uid:
            self._prepared.remove(holder.uid)
            return False
        try:
            theirs = allotments(found, holder.uid, self.driver, self.pool, self._published)
        except Refused:  # it has no allocation any more; the kubelet will say so in time
            return True
        return any(one.device == device and one.exclusive for one in theirs)
