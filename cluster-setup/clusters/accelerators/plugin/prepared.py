"""PreparedClaims: the claims that are prepared on one node. Their CDI files are the only record.

A file appears whole, after everything that it names, and goes first. So a driver that is killed at
any moment finds, when it starts again, claims that are prepared and such that are not, and at worst
descriptions that nobody names, which `clear` takes away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from clusters.accelerators.plugin.allotment import Allotment, is_uid
from clusters.accelerators.plugin.cdi import (
    CLAIM,
    CLAIM_UID,
    ClaimId,
    cdi_file,
    description,
    description_name,
    file_name,
)
from clusters.accelerators.plugin.node_files import NodeFiles


class PreparedClaims:
    """What lies in the folders of one node, as far as it is this driver's."""

    def __init__(self, driver: str, node: str, cdi: NodeFiles, plugins: NodeFiles) -> None:
        self._driver, self._node = driver, node
        self._cdi, self._plugins = cdi, plugins
        uid = "(?P<uid>[0-9a-f-]{36})"
        self._file = re.compile(rf"k8s\.{re.escape(driver)}-{uid}\.json")
        self._description = re.compile(rf"{re.escape(driver)}-{uid}-.*\.json")

    def write(self, claim: ClaimId, devices: Sequence[Allotment]) -> None:
        """Hand the devices of a claim over; the same again changes nothing.

        Raises:
            OSError: the files could not be written.
        """
        for one in devices:
            name = description_name(self._driver, claim.uid, one.device)
            self._put(self._plugins, name, description(claim, one))
        content = cdi_file(self._driver, self._node, claim, devices)
        self._put(self._cdi, file_name(self._driver, claim.uid), content)

    def remove(self, uid: str) -> None:
        """Take back what was handed over for a claim, if anything was."""
        self._cdi.remove(file_name(self._driver, uid))
        for name in self._descriptions(uid):
            self._plugins.remove(name)

    def holders(self, device: str) -> list[ClaimId]:
        """Return the claims for which a device is prepared."""
        return [claim for claim, devices in self._found() if device in devices]

    def claims(self) -> list[ClaimId]:
        """Return every claim that is prepared."""
        return [claim for claim, _ in self._found()]

    def clear(self, living: frozenset[str]) -> list[str]:
        """Take away what is there of claims that are not there any more.

        Args:
            living: uids of all claims of the cluster.

        Returns:
            The uids of what was taken away.
        """
        stale = {uid for uid in self._uids() if uid not in living}
        for uid in stale:
            self.remove(uid)
        return sorted(stale)

    def _put(self, folder: NodeFiles, name: str, content: bytes) -> None:
        if folder.read(name) != content:
            folder.write(name, content)

    def _uids(self) -> set[str]:
        matches = [
            *(self._file.fullmatch(name) for name in self._cdi.names()),
            *(self._description.fullmatch(name) for name in self._plugins.names()),
        ]
        return {match["uid"] for match in matches if match and is_uid(match["uid"])}

    def _descriptions(self, uid: str) -> list[str]:
        start = f"{self._driver}-{uid}-"
        return [name for name in self._plugins.names() if name.startswith(start)]

    def _found(self) -> list[tuple[ClaimId, set[str]]]:
        names = [name for name in self._cdi.names() if self._file.fullmatch(name)]
        read = (self._parsed(name) for name in names)
        return [one for one in read if one is not None]

    def _parsed(self, name: str) -> tuple[ClaimId, set[str]] | None:
        """Read a file; None of one that we did not write."""
        try:
            document = json.loads(self._cdi.read(name) or b"")
            notes = document["annotations"]
            namespace, claim = notes[CLAIM].split("/")
            uid = str(notes[CLAIM_UID])
            devices = {one["annotations"]["assay.dev/device"] for one in document["devices"]}
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return (ClaimId(namespace, claim, uid), devices) if is_uid(uid) else None
