"""Writing `debian.lock.yaml` anew: `python -m clusters.images.debian.relock`.

apt resolves each set as for an empty machine; version, size and SHA-256 are what the archive's
signed lists say. Nothing is downloaded but lists.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from clusters.images.debian.apt import Apt
from clusters.images.debian.lock import RECIPES, DebianLock, load_debian_lock

ARCHITECTURES = ("amd64", "arm64")


def relock(path: Path) -> None:
    """Resolve the sets of a lock file and write its packages anew.

    Raises:
        ClusterError: apt is missing or could not resolve them.
    """
    lock = load_debian_lock(path)
    head = path.read_text(encoding="utf-8").partition("\npackages:")[0].rstrip()
    lines = ["packages:"]
    for architecture in ARCHITECTURES:
        lines.append(f"  {architecture}:")
        lines += (f"    - {entry}" for entry in _resolve(lock, architecture))
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


def _resolve(lock: DebianLock, architecture: str) -> Iterable[str]:
    with TemporaryDirectory() as folder:
        apt = Apt(Path(folder), lock.suite, architecture)
        apt.update()
        chosen = defaultdict(list)
        for name, wanted in lock.sets.items():
            for package in _depended_on(apt, wanted):
                if package.split("=")[0] not in lock.without:
                    chosen[package].append(name)
        shown = apt.run("apt-cache", "show", "--no-all-versions", *chosen)
    for entry in sorted(_fields(shown), key=lambda entry: entry["Package"]):
        sets = ", ".join(chosen[f"{entry['Package']}={entry['Version']}"])
        yield (
            f"{{name: {entry['Package']}, version: '{entry['Version']}', size: {entry['Size']}, "
            f"sha256: {entry['SHA256']}, sets: [{sets}]}}"
        )


def _depended_on(apt: Apt, wanted: Iterable[str]) -> list[str]:
    """Return `name=version` of everything that apt would install on an empty machine."""
    planned = apt.run("apt-get", "install", "-q", "-s", "--no-install-recommends", *wanted)
    return [f"{n}={v}" for n, v in re.findall(r"^Inst (\S+?)(?::\S+)? \((\S+) ", planned, re.M)]


def _fields(shown: str) -> Iterable[dict[str, str]]:
    for paragraph in shown.strip().split("\n\n"):
        yield dict(re.findall(r"^([A-Z][\w-]*): (.*)$", paragraph, re.M))


if __name__ == "__main__":
    relock(Path(sys.argv[1]) if len(sys.argv) > 1 else RECIPES / "debian.lock.yaml")
