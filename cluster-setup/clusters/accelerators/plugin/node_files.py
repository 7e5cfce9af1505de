"""NodeFiles: a folder that a node has of the host, used without trusting what lies in it.

A learner who is root in the node can put links, pipes and files of any name there. So the folder
itself is opened once, by its path on the host, and everything in it is reached from there by a
plain name: no link is followed, nothing is read that is not a small file, and no folder is entered.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

MOST_BYTES = 1 << 20
"""A larger file is none of ours."""


class NodeFiles:
    """The files in one folder."""

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            OSError: it is not there.
        """
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def names(self) -> list[str]:
        """Return the names of everything in the folder, sorted."""
        return sorted(os.listdir(self._folder))

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, None where there is none that can be ours."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, dir_fd=self._folder)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            os.close(descriptor)
            return None
        with open(descriptor, "rb") as file:
            return file.read(MOST_BYTES)

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; what had its name before is replaced.

        Raises:
            OSError: the disk is full, or something is in the way.
        """
        unfinished = f".{secrets.token_hex(8)}"  # not a name that containerd takes for CDI
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with open(os.open(unfinished, flags, 0o644, dir_fd=self._folder), "wb") as file:
                file.write(content)
            os.replace(unfinished, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except BaseException:
            self.remove(unfinished)
            raise

    def remove(self, name: str) -> None:
        """Remove a file; a missing one is no error, and a folder is none of ours."""
        with suppress(FileNotFoundError, IsADirectoryError):
            os.unlink(name, dir_fd=self._folder)

    def address(self, name: str) -> str:
        """Return the address of a socket in the folder, for gRPC.

        By way of the open folder: the path of a socket may have 107 bytes, and a folder lie deep.
        """
        return f"unix:/proc/self/fd/{self._folder}/{name}"

    def close(self) -> None:
        """Close the folder."""
        os.close(self._folder)
