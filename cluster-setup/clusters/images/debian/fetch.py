"""Bringing the packages of the lock to the cache: each verified, and only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from clusters.errors import ClusterError, CommandError
from clusters.images.debian.apt import Apt
from clusters.images.debian.lock import Package
from clusters.images.store import digest_of

OnProgress = Callable[[str, float], None]
"""Told what is being done and how much of it is done, 0 to 1."""

_AT_ONCE = 12
"""Packages per call of apt: an interrupted build loses at most those."""


class Packages:
    """The packages in the cache, by the digest of their files."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made when it is needed."""
        self._folder = folder

    def path(self, package: Package) -> Path:
        """Return where the file of a package is, once it is there."""
        return self._folder / f"{package.sha256}.deb"

    def missing(self, packages: Iterable[Package]) -> list[Package]:
        """Return those that are not in the cache."""
        return [package for package in packages if not self.path(package).is_file()]

    def bring(self, packages: Iterable[Package], suite: str, on_progress: OnProgress) -> None:
        """Bring what is missing.

        Args:
            packages: what must be there.
            suite: Debian release they are from.
            on_progress: told about the progress.

        Raises:
            PreflightError: there is no apt on this host.
            ClusterError: an archive does not offer one of them, or another file in its place.
        """
        arriving = self._folder / "arriving"
        self._take_in(arriving, packages)
        if not (missing := self.missing(packages)):
            return
        arriving.mkdir(parents=True, exist_ok=True)
        apt = Apt(self._folder / "apt", suite)
        on_progress("asking which versions there are", 0.0)
        apt.update()
        for done in range(0, len(missing), _AT_ONCE):
            few = missing[done : done + _AT_ONCE]
            on_progress(f"{done} of {len(missing)} packages", done / len(missing))
            self._download(apt, few, arriving)
            self._take_in(arriving, few)
        if absent := self.missing(missing):
            raise ClusterError(_not_as_pinned(absent))

    def _download(self, apt: Apt, packages: Iterable[Package], to: Path) -> None:
        wanted = [f"{package.name}={package.version}" for package in packages]
        try:
            apt.run("apt-get", "download", "-q", *wanted, cwd=to)
        except CommandError as error:
            raise ClusterError(
                f"{error}\nThe archives of this host (/etc/apt, or ASSAY_DEBIAN) do not give what "
                "is pinned; name one that has it, or renew cluster-setup/images/debian.lock.yaml"
            ) from error

    def _take_in(self, arriving: Path, packages: Iterable[Package]) -> None:
        """Keep of the files that have arrived those that are what the lock pins."""
        wanted = {package.sha256: package for package in packages}
        for file in arriving.glob("*.deb"):
            package = wanted.get(digest_of(file))
            if package:
                file.rename(self.path(package))
            else:
                file.unlink()


def _not_as_pinned(packages: Iterable[Package]) -> str:
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    return (
        f"the archive's file of {names} is not the one that is pinned (another sha256) and was "
        "thrown away; ask another archive with ASSAY_DEBIAN"
    )
