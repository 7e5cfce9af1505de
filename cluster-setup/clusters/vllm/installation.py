"""Installation: where vLLM lies in the cache, with its own Python packages and a tiny model.

    $ASSAY_CACHE/vllm/v0.32.0-py3.11-0123456789/
      environment/    a Python environment with the packages of requirements.lock
      bin/            `vllm`, and `python3` with these packages
      programs/       the program behind `vllm`
      models/tiny/    a model of random weights
      complete.json   what was installed, once all of it is there

The name holds what was asked for, so that a change of the list is another installation.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.home import cache_path

LIST = Path(__file__).parent / "requirements.lock"
"""The packages, each with its version and its hashes."""
PROGRAMS = Path(__file__).parent / "programs"
"""Our two programs, which run with these packages."""
VERSION = "v0.32.0"
"""Of vLLM; the list pins it."""
SHOWN_AT = "/opt/assay/images/vllm"
"""Where containers see the installation."""
_HARDWARE = (Path("/sys/devices/system/cpu"), Path("/sys/devices/system/node"))
"""Where vLLM finds out which cores there are, and what memory is near them."""
HOW_TO_GET_IT = "`assay setup vllm` installs it"


@dataclass(frozen=True)
class Installation:
    """One place for vLLM, whether or not anything is there."""

    folder: Path

    @property
    def complete(self) -> bool:
        """Whether all of it is there."""
        return bool(self.describe())

    @property
    def environment(self) -> Path:
        """The Python environment."""
        return self.folder / "environment"

    @property
    def python(self) -> Path:
        """The Python that has the packages."""
        return self.environment / "bin" / "python"

    @property
    def models(self) -> Path:
        """The folder of models."""
        return self.folder / "models"

    @property
    def base(self) -> Path:
        """The folder of the Python that the environment was made with."""
        return Path(str(self.describe().get("python", sys.base_prefix)))

    def shown(self) -> dict[str, str]:
        """Return what containers see: paths of this host, and theirs."""
        hardware = {str(path): str(path) for path in _HARDWARE if path.is_dir()}
        return {str(self.folder): SHOWN_AT, str(self.models): "/models", **hardware}

    def links(self, programs: str) -> dict[str, str]:
        """Return the links of a container by which its commands are found in a folder."""
        named = {"vllm": "vllm", "python3": "python3", "python": "python3"}
        return {f"{programs}/{name}": f"{SHOWN_AT}/bin/{to}" for name, to in named.items()}

    def describe(self) -> dict[str, Any]:
        """Return what was installed; nothing where it is not complete."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "complete.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found


def installed() -> Installation:
    """Return the installation that this version of Assay uses, complete or not."""
    parts = (LIST, *sorted(PROGRAMS.glob("*.py")))
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:10]
    python = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return Installation(cache_path() / "vllm" / f"{VERSION}-{python}-{digest}")
