"""Resolving binaries: from the cache, else from the official release, else from a build.

ASSAY_BINARIES=auto       the release, and a build where that cannot be had (default)
ASSAY_BINARIES=download   the release or nothing
ASSAY_BINARIES=build      a build, without asking anybody for a release
ASSAY_BINARIES_MIRROR     base URL that stands for the official hosts
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from clusters.binaries.build import build_binary
from clusters.binaries.download import Publisher, ReleaseUnusable, is_address
from clusters.binaries.lock import SOURCES, Binary, BinaryLock, host_platform, lock_with
from clusters.binaries.progress import Progress
from clusters.binaries.store import Origin, Slot, sha256
from clusters.binaries.wheel import take_binary
from clusters.errors import ClusterError, CommandError, InputInvalid, PreflightError
from clusters.phases import OnPhase, ignore


class Policy(StrEnum):
    """How a binary that is not in the cache may be brought there (`ASSAY_BINARIES`)."""

    AUTO = "auto"
    """The release, and a build where that cannot be had."""
    DOWNLOAD = "download"
    """The release or nothing."""
    BUILD = "build"
    """A build, without asking anybody for a release."""


@dataclass(frozen=True)
class Resolved:
    """One binary in the cache and how it got there."""

    name: str
    version: str
    path: Path
    source: str
    """`cache`, `download` or `build`."""
    seconds: float
    """How long this took."""


@dataclass(frozen=True)
class Resolver:
    """Brings binaries to the cache by the rules of one lock."""

    lock: BinaryLock
    sources: Path
    """Folder of the Go modules that the lock names."""
    policy: Policy = Policy.AUTO
    mirror: str | None = None
    platform: str = ""
    """For example `linux/amd64`; empty means this host's."""

    def resolve(self, names: Iterable[str], on_phase: OnPhase = ignore) -> list[Resolved]:
        """Return the binaries in the order of the lock, bringing those that are missing.

        Raises:
            NotFound: the lock does not have one of them.
            PreflightError: this host can neither download nor build one; says what to do.
            ClusterError: it could not be brought (a refused build or a full disk, for example).
        """
        slots = [self.slot(name) for name in self.lock.check_names(names)]
        missing = [slot for slot in slots if not slot.filled]
        with Publisher(self.mirror) as publisher:
            brought = {
                slot.name: self._bring(
                    slot, publisher, Progress(on_phase, slot.title, position, len(missing))
                )
                for position, slot in enumerate(missing)
            }
        cached = (Resolved(s.name, s.version, s.path, "cache", 0.0) for s in slots)
        return [brought.get(found.name, found) for found in cached]

    def slot(self, name: str) -> Slot:
        """Return the place of a binary in the store."""
        return Slot(name, self.lock.binaries[name].version)

    def _bring(self, slot: Slot, publisher: Publisher, progress: Progress) -> Resolved:
        try:
            with slot.locked(lambda: progress.tell("wait", "another process brings it")):
                source = "cache" if slot.filled else self._fill(slot, publisher, progress)
        except OSError as error:
            raise ClusterError(
                f"{slot.title} cannot be put into {slot.path.parent}: {error.strerror or error}; "
                "make room there, or choose another folder with ASSAY_CACHE"
            ) from error
        return Resolved(slot.name, slot.version, slot.path, source, progress.end())

    def _fill(self, slot: Slot, publisher: Publisher, progress: Progress) -> str:
        binary = self.lock.binaries[slot.name]
        with slot.scratch() as scratch:
            if self.policy is Policy.BUILD:
                return self._build(slot, binary, scratch, progress)
            try:
                return self._download(slot, binary, publisher, scratch, progress)
            except ReleaseUnusable as error:
                if self.policy is Policy.DOWNLOAD:
                    raise ClusterError(f"{slot.title} cannot be downloaded: {error}") from error
                progress.fall_back(str(error))
                return self._build(slot, binary, scratch, progress, instead_of=str(error))

    def _download(
        self, slot: Slot, binary: Binary, publisher: Publisher, scratch: Path, progress: Progress
    ) -> str:
        platform = self.platform or host_platform()
        if (release := binary.release.get(platform)) is None:
            raise ReleaseUnusable(f"there is no release for {platform}")
        found = publisher.download(release, slot.part, scratch, progress.tell_bytes)
        slot.fill(found, _origin("download", release.url, found))
        return "download"

    def _build(
        self, slot: Slot, binary: Binary, scratch: Path, progress: Progress, instead_of: str = ""
    ) -> str:
        built = scratch / "built"
        try:
            reference = self._make(binary, built, progress)
        except (PreflightError, CommandError) as error:
            because = f"{instead_of}, and " if instead_of else ""
            raise type(error)(f"{slot.title}: {because}{error}") from error
        slot.fill(built, _origin("build", reference, built))
        return "build"

    def _make(self, binary: Binary, to: Path, progress: Progress) -> str:
        """Make a binary without a release, and return what it was made of."""
        if binary.build is not None:
            build_binary(binary.build, self.sources, to, progress.tell_build)
            return binary.build.package
        assert binary.wheel is not None
        take_binary(binary.wheel, self.platform or host_platform(), to, progress.tell_build)
        return f"{binary.wheel.project}=={binary.wheel.version}"


def resolver(kubernetes: str = "") -> Resolver:
    """Return the resolver that the environment asks for.

    Args:
        kubernetes: version of Kubernetes; empty means that of learners' clusters.

    Raises:
        InputInvalid: with every setting that is wrong.
        NotFound: this version of Kubernetes is not pinned.
    """
    policy = os.environ.get("ASSAY_BINARIES") or Policy.AUTO.value
    mirror = os.environ.get("ASSAY_BINARIES_MIRROR") or None
    problems = []
    if policy not in list(Policy):
        problems.append(f"ASSAY_BINARIES={policy}: use {', '.join(Policy)}")
    if mirror and not is_address(mirror):
        problems.append(
            f"ASSAY_BINARIES_MIRROR={mirror}: use a URL such as http://files.example.org"
        )
    if problems:
        raise InputInvalid(problems)
    return Resolver(lock_with(kubernetes), SOURCES, Policy(policy), mirror)


def ensure_binaries(
    names: Iterable[str], on_phase: OnPhase = ignore, *, kubernetes: str = ""
) -> dict[str, Path]:
    """Return the path of each binary, bringing to the cache what is not there yet.

    Args:
        names: for example `kubectl`; the lock has them all.
        on_phase: told about the progress; 100 percent means that all are there.
        kubernetes: version of Kubernetes; empty means that of learners' clusters.

    Raises:
        InputInvalid: a setting in the environment is wrong.
        NotFound: the lock does not have one of them.
        PreflightError: this host can neither download nor build one; says what to do.
        ClusterError: it could not be brought (a refused build or a full disk, for example).
    """
    return {found.name: found.path for found in resolver(kubernetes).resolve(names, on_phase)}


def binaries_present(names: Iterable[str], *, kubernetes: str = "") -> list[str]:
    """Return those of `names` that are not in the cache; nothing is brought there.

    Raises:
        NotFound: the lock does not have one of them, or no lock has this version of Kubernetes.
    """
    lock = lock_with(kubernetes)
    return [n for n in lock.check_names(names) if not Slot(n, lock.binaries[n].version).filled]


def _origin(source: str, reference: str, binary: Path) -> Origin:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Origin(source, reference, sha256(binary), now)
