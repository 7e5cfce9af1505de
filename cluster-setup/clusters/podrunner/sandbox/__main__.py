"""The program of the sandbox: `python -I -S sandbox hold|start|exec`, with an order on its input.

hold    makes the namespaces of a Pod, and leaves a process in them that sleeps for ever
start   starts a container in them; its first process is `init.py`
exec    runs a command in a container that runs, to its end

The order is JSON. `hold` and `start` answer with a line of JSON, `{"pid": N}` or `{"error": ...}`,
once what they make is there; they leave nothing else behind. Namespaces to enter are inherited
descriptors, so no process id can be mistaken.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from clusters.podrunner.sandbox import linux
from clusters.podrunner.sandbox.init import CANNOT_START, Init
from clusters.podrunner.sandbox.rights import give_up_rights
from clusters.podrunner.sandbox.root import build_root

_NOT_STARTED = 126
_HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
"""Signals that the first process of a container hears, all but one to pass them on."""
_FIRST_FREE_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
"""Of the Pod's own network: a server of images is used to listen at port 80."""
_ENTERED = {
    "mnt": linux.CLONE_NEWNS,
    "net": linux.CLONE_NEWNET,
    "uts": linux.CLONE_NEWUTS,
    "ipc": linux.CLONE_NEWIPC,
}


def hold(order: dict[str, Any]) -> None:
    """Make the namespaces of a Pod, with the volumes that last as long as it."""

    def child() -> NoReturn:
        linux.unshare(
            linux.CLONE_NEWNET | linux.CLONE_NEWNS | linux.CLONE_NEWUTS | linux.CLONE_NEWIPC
        )
        linux.keep_mounts_private()
        socket.sethostname(order["hostname"])
        with open(_FIRST_FREE_PORT, "wb", buffering=0) as file:
            file.write(b"0")
        for volume in order["volumes"]:
            flags = linux.MS_NOSUID | linux.MS_NODEV
            options = f"size={volume['size']},nr_inodes=65536,mode=1777"
            linux.mount("tmpfs", volume["path"], "tmpfs", flags, options)
        os.setsid()
        _be_still()
        _tell({"pid": os.getpid()})
        os.execvp("sleep", ["sleep", "infinity"])

    _answer_of(child)


def start(order: dict[str, Any]) -> None:
    """Start a container in the namespaces of its Pod."""
    folder = os.open(order["folder"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, descriptor in order["namespaces"].items():
        linux.enter(descriptor, _ENTERED[name])
        os.close(descriptor)
    linux.unshare(linux.CLONE_NEWPID)
    _answer_of(lambda: _be_container(order, folder))


def execute(order: dict[str, Any]) -> NoReturn:
    """Run a command in a container, and end as it ends."""
    for name, descriptor in order["namespaces"].items():
        linux.enter(descriptor, _ENTERED.get(name, linux.CLONE_NEWPID))
        os.close(descriptor)
    program = os.fork()
    if program == 0:
        _become(order, with_parent=True)
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _be_container(order: dict[str, Any], folder: int) -> NoReturn:
    linux.unshare(linux.CLONE_NEWNS)
    build_root(order)
    outputs = {name: os.pipe() for name in ("stdout", "stderr")}
    for heard_of in _HEARD:
        signal.signal(heard_of, lambda *_: None)
    program = os.fork()
    if program == 0:
        for number, (_, writing) in enumerate(outputs.values(), start=1):
            os.dup2(writing, number)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        _become(order, with_parent=False)
    for _, writing in outputs.values():
        os.close(writing)
    os.setsid()
    _be_still()
    linux.bound_capabilities()
    linux.keep_capabilities([linux.CAP_KILL])
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    os.kill(os.getpid(), signal.SIGCHLD)  # it may have ended before anybody listened
    init = Init(program, folder, order["attempt"], {r: n for n, (r, _) in outputs.items()})
    _tell({"pid": 1})
    init.watch(heard)
    os._exit(0)


def _become(order: dict[str, Any], *, with_parent: bool) -> NoReturn:
    """Give up all rights and become the program; say what is wrong where it can be read."""
    command: list[str] = order["command"]
    try:
        os.setsid()
        give_up_rights(order["uid"], order["limits"])
        if with_parent:
            linux.die_with_parent()
        os.chdir(order["directory"])
        for number in _HEARD:
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(command[0], command, order["environment"])
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) else error
        os.write(2, f"{CANNOT_START} {command[0]}: {reason}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else _NOT_STARTED)


_telling: int = -1


def _answer_of(child: Any) -> None:
    """Run a child that outlives this process, and print what it tells first."""
    global _telling
    hearing, _telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(hearing)
        try:
            child()
        except BaseException as error:  # whatever it is, the caller has to know
            _tell({"error": str(error) or type(error).__name__})
            os._exit(1)
    os.close(_telling)
    with open(hearing, encoding="utf-8") as answer:
        text = answer.readline()
    told = json.loads(text) if text else {"error": "the sandbox ended at once"}
    if "pid" in told:
        told["pid"] = pid  # as this process sees it
    print(json.dumps(told))


def _tell(answer: dict[str, Any]) -> None:
    os.write(_telling, json.dumps(answer).encode() + b"\n")
    os.close(_telling)


def _be_still() -> None:
    """Hold nothing of who started this open."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


def main() -> None:
    """Do what the first argument says."""
    order: dict[str, Any] = json.load(sys.stdin)
    _load_no_more_code()
    os.umask(0o022)
    {"hold": hold, "start": start, "exec": execute}[sys.argv[1]](order)


def _load_no_more_code() -> None:
    """Import nothing from here on: inside a container the files of a library are its owner's."""
    for finders in (sys.path, sys.meta_path, sys.path_hooks):
        finders.clear()


if __name__ == "__main__":
    main()
