"""Remembered: what a function makes of a file is made once for each state of the file."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_KEPT = 256


def remembered(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Let a function that reads a file remember its answers, which nobody may change.

    A file counts as the same while its place, inode, size and times are. An exception is not
    remembered.
    """
    answers: OrderedDict[tuple[object, ...], T] = OrderedDict()
    turn = threading.Lock()

    @functools.wraps(read)
    def read_once(path: Path) -> T:
        try:
            state = path.stat()
        except OSError:
            return read(path)
        key = (path, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        with turn:
            if key in answers:
                answers.move_to_end(key)
                return answers[key]
        answer = read(path)
        with turn:
            answers[key] = answer
            if len(answers) > _KEPT:
                answers.popitem(last=False)
        return answer

    return read_once
