"""Takes the API server's audit log out of the node while it is written: a program of its own.

    python -I -S audit_shipper.py SPOOL KEPT

The API server of a kind cluster writes to a file that whoever is root in the node can change. This
program runs outside, and appends what is written there to a file that no node mounts. What was
taken once can't be taken back: a cluster-admin becomes root in a node by starting a Pod, and the
record of that Pod is out long before its container starts.

Every byte is taken once, whenever either side is killed. `KEPT/position.json` says which bytes of
the two files belong together; from there on the length of the kept file is the position. Where the
spool was cut or exchanged, a line of kind `Gap` says so in the kept log.

It needs nothing but Python's own library, so that it starts fast and stays small (12 MiB).
"""

import ctypes
import json
import os
import select
import stat
import sys
import time

LOG = "audit.log"
NEXT = "audit.next"
POSITION = "position.json"
LONGEST = 100 << 20
"""Bytes of one part of the kept log, as the API server's own --audit-log-maxsize."""
PARTS = 5
_CHUNK = 1 << 20
_LOOK_SECONDS = 1.0
"""How often it is looked without being told."""
_LOOK_UNTOLD_SECONDS = 0.05
"""... where the kernel has no more watches to give."""
_CHANGES = 0x2 | 0x80 | 0x100
"""IN_MODIFY, IN_MOVED_TO, IN_CREATE; inotify(7)."""


class Shipper:
    """Moves bytes from the spool to the kept log."""

    def __init__(self, spool: str, kept: str, longest: int = LONGEST) -> None:
        self._spool, self._kept, self._longest = spool, kept, longest
        self._finish_turn()
        self._out = os.open(self._path(LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._source = -1
        self._offset = 0

    def ship(self) -> bool:
        """Take what is there; say whether there was anything."""
        if self._source < 0 and not self._begin():
            return False
        if os.fstat(self._source).st_size < self._offset:
            self._gap("the spool was cut")
            self._turn_to(self._source, 0)
        data = os.pread(self._source, _CHUNK, self._offset)
        if data:
            write_all(self._out, data)
            self._offset += len(data)
            if os.fstat(self._out).st_size >= self._longest and data.endswith(b"\n"):
                self._begin_part()
            return True
        return self._follow()

    def close(self) -> None:
        """Close the files."""
        close(self._source)
        close(self._out)

    def _begin(self) -> bool:
        """Go on where the last shipper was, else at the beginning of the oldest file."""
        known = read_json(self._path(POSITION))
        files = spooled(self._spool)
        if not known:
            return bool(files) and self._turn_to(open_plain(files[0]), 0)
        shipped = os.fstat(self._out).st_size - known["size"]
        for path in files:
            source = open_plain(path)
            if source >= 0 and os.fstat(source).st_ino == known["source"]:
                self._source, self._offset = source, known["offset"] + shipped
                return True
            close(source)
        if not files:
            return False
        self._gap("the spool was exchanged while nobody watched")
        return self._turn_to(open_plain(files[0]), 0)

    def _follow(self) -> bool:
        """Turn to the file after the one that is read out; say whether there is one."""
        files = spooled(self._spool)
        inodes = [inode_of(path) for path in files]
        here = os.fstat(self._source).st_ino
        if here not in inodes:
            if not files:
                return False  # removed, and perhaps still written to
            self._gap("the spool was exchanged")
            return self._turn_to(open_plain(files[0]), 0)
        after = inodes.index(here) + 1
        return after < len(files) and self._turn_to(open_plain(files[after]), 0)

    def _turn_to(self, source: int, offset: int) -> bool:
        if source < 0:
            return False
        if source != self._source:
            close(self._source)
        self._source, self._offset = source, offset
        self._write_position(self._out)
        return True

    def _gap(self, reason: str) -> None:
        note = {"kind": "Gap", "apiVersion": "assay.dev/v1", "reason": reason, "time": now()}
        write_all(self._out, b"\n" + json.dumps(note).encode() + b"\n")

    def _begin_part(self) -> None:
        """Go on in a new file. The position says which file is meant, so a kill does not matter."""
        fresh = os.open(
            self._path(NEXT), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600
        )
        self._write_position(fresh)
        os.close(self._out)
        self._finish_turn()
        self._out = fresh

    def _finish_turn(self) -> None:
        """Put the new part in place, if the position means it already; else forget it."""
        fresh = self._path(NEXT)
        if not os.path.exists(fresh):
            return
        if inode_of(fresh) != (read_json(self._path(POSITION)) or {}).get("kept"):
            os.unlink(fresh)
            return
        if os.path.exists(self._path(LOG)):
            os.rename(self._path(LOG), self._path(f"audit-{now().replace(':', '-')}.log"))
        os.rename(fresh, self._path(LOG))
        for old in sorted(n for n in os.listdir(self._kept) if n.startswith("audit-"))[:-PARTS]:
            os.unlink(self._path(old))

    def _write_position(self, out: int) -> None:
        found = os.fstat(out)
        position = {
            "source": os.fstat(self._source).st_ino,
            "offset": self._offset,
            "kept": found.st_ino,
            "size": found.st_size,
        }
        unfinished = self._path(POSITION + ".unfinished")
        with open(unfinished, "w", encoding="ascii") as file:
            json.dump(position, file)
        os.rename(unfinished, self._path(POSITION))

    def _path(self, name: str) -> str:
        return os.path.join(self._kept, name)


class Bell:
    """Waits until something is written in a folder; the kernel says so at once (inotify)."""

    def __init__(self, folder: str) -> None:
        libc = ctypes.CDLL(None)
        self._told = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._told >= 0 and libc.inotify_add_watch(self._told, folder.encode(), _CHANGES) < 0:
            os.close(self._told)
            self._told = -1

    def wait(self) -> None:
        """Return when there may be something new."""
        if self._told < 0:
            time.sleep(_LOOK_UNTOLD_SECONDS)
        elif select.select([self._told], [], [], _LOOK_SECONDS)[0]:
            os.read(self._told, 1 << 16)


def spooled(folder: str) -> list[str]:
    """Return the files of the spool, oldest first: rotated ones carry their time in their name."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    rotated = sorted(n for n in names if n.startswith("audit-") and n.endswith(".log"))
    current = [LOG] if LOG in names else []
    return [os.path.join(folder, name) for name in [*rotated, *current]]


def open_plain(path: str) -> int:
    """Open an ordinary file; -1 for a link, a pipe, or one that is gone: root in a node put it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return -1
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return -1


def close(descriptor: int) -> None:
    """Close a file, if it is open."""
    if descriptor >= 0:
        os.close(descriptor)


def inode_of(path: str) -> int:
    """Return the number of a file; 0 when it is gone."""
    try:
        return os.lstat(path).st_ino
    except OSError:
        return 0


def read_json(path: str) -> dict[str, int] | None:
    """Return a document; None when it is missing or unreadable."""
    try:
        with open(path, encoding="ascii") as file:
            document: dict[str, int] = json.load(file)
    except (OSError, ValueError):
        return None
    return document


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(descriptor, data) :]


def now() -> str:
    """Return the time, RFC 3339, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def main(spool: str, kept: str) -> None:
    """Ship for ever. A full disk keeps what is in the spool, and is tried again."""
    os.umask(0o077)
    bell, shipper = Bell(spool), Shipper(spool, kept)
    while True:
        try:
            moved = shipper.ship()
        except OSError as error:
            print(f"{now()} {error}", flush=True)
            time.sleep(1)
            shipper.close()
            shipper = Shipper(spool, kept)
            continue
        if not moved:
            bell.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
