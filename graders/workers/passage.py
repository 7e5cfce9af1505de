"""Passage: lets another account come to folders that lie in somebody's private home.

Python and labs often lie below a folder such as `/root`, which no other account may enter. In a
mount namespace of its own, a process covers that folder with an empty one, and shows in it nothing
but what is needed, for reading. Everybody else sees what they saw before. Linux, and root only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from graders.workers.linux import cover, leave_mounts, seal, show_again, uncover


def open_passage(folders: Iterable[Path]) -> bool:
    """Let every account read these folders in this process; return whether that is so.

    It must be root, and have one thread only. Where nothing is in the way, nothing is done.
    """
    needed = _outermost(folder.resolve() for folder in folders)
    if not all(folder.stat().st_mode & 0o005 == 0o005 for folder in needed):
        return False
    behind = {folder: shut for folder in needed if (shut := _first_shut(folder))}
    if not behind:
        return True
    with suppress(OSError):
        leave_mounts()  # before: what was opened outside cannot be mounted in here
        held = {folder: os.open(folder, os.O_PATH | os.O_DIRECTORY) for folder in behind}
        try:
            _show_only(held, sorted(set(behind.values())))
        finally:
            for descriptor in held.values():
                os.close(descriptor)
        return True
    return False


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """Return folders without those that lie in another of them."""
    found: list[Path] = []
    for folder in sorted(folders):
        if not found or not folder.is_relative_to(found[-1]):
            found.append(folder)
    return found


def _first_shut(folder: Path) -> Path | None:
    """Return the outermost folder on the way that other accounts may not enter."""
    way = reversed(folder.parents)
    return next((step for step in way if not step.stat().st_mode & 0o001), None)


def _show_only(held: Mapping[Path, int], shut: Iterable[Path]) -> None:
    """Cover the folders that are shut, and show in them those that are held open."""
    covered: list[Path] = []
    try:
        for folder in shut:
            cover(folder)
            covered.append(folder)
        for folder, descriptor in held.items():
            _make_way(folder)
            show_again(descriptor, folder)
        for folder in covered:
            seal(folder)
    except OSError:  # all or nothing: half of it would leave this process without its modules
        for folder in reversed(covered):
            uncover(folder)
        raise


def _make_way(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    finally:
        os.umask(before)
