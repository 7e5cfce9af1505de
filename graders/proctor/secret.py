"""The secret that the hub's spawner shares with the proctor: `keys/spawner.token`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from clusters.home import home


def spawner_secret(folder: Path | None = None) -> str:
    """Return the secret, made at first use; hub and proctor get the same.

    Args:
        folder: the folder of the keys, that of this installation by default.
    """
    path = (folder or home() / "keys") / "spawner.token"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii")


def _write_once(path: Path, content: str) -> None:
    """Put a whole file in place, unless somebody else was first."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
