"""The sandbox of a container, from inside: what a learner's program can see, reach and change."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clusters.podrunner.sandbox import calls
from clusters.podrunner.spawning import (
    SandboxError,
    found_of,
    run_inside,
)
from clusters.providers.embedded import processes
from clusters.providers.embedded.network import why_no_network
from tests.clusters.podrunner.sandboxes import ACCOUNT, Pod, wait_until

pytestmark = pytest.mark.skipif(
    bool(why_no_network()), reason=f"this host gives clusters no network: {why_no_network()}"
)
Run = Callable[..., str]


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path)
    yield pod
    for _, spawned in found_of(tmp_path):
        spawned.signal(signal.SIGKILL)
        wait_until(lambda spawned=spawned: not spawned.alive)  # type: ignore[misc]
        spawned.close()
    pod.holder.close()
    assert found_of(tmp_path) == []


def python(code: str) -> tuple[str, ...]:
    return ("python3", "-I", "-S", "-c", code)


# --- rights


def test_a_program_has_no_rights_and_gains_none(pod: Pod) -> None:
    said = pod.run("grep", "-E", "^(Cap|NoNewPrivs|Seccomp:|Uid)", "/proc/self/status")
    told = dict(line.split(":\t", 1) for line in said.splitlines())

    sets = [told[name] for name in told if name.startswith("Cap")]
    assert len(sets) == 5
    assert set(sets) == {"0" * 16}
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    if ACCOUNT:
        assert set(told["Uid"].split()) == {str(ACCOUNT)}


@pytest.mark.parametrize(
    "attempt",
    [
        "unshare --user true",
        "unshare --net true",
        "mount -t tmpfs none /tmp",
        "chroot / true",
        "mknod /tmp/disk b 254 0",
        "echo x > /proc/sys/kernel/hostname",
        "echo b > /proc/sysrq-trigger",
        "hostname other",
        "ip link set lo down",
        "touch /usr/bin/mine",
        "touch /usr/share/nginx/html/key",
        "chown 0:0 /data; touch /data/x; chmod u+s /data/x && chown 0 /data/x",
        "kill -9 1; sleep 0.1; false",
        "cat /proc/1/environ",
        "cat /proc/1/root/etc/shadow",
        "cat /proc/kcore | head -c 1 | grep .",
        "nsenter --target 1 --mount true",
    ],
)
def test_what_would_change_or_leave_the_sandbox_fails(pod: Pod, attempt: str) -> None:
    pod.run("sh", "-c", f"({attempt}) >/dev/null 2>&1 && echo done || exit 9")

    assert pod.result() == 9


@pytest.mark.parametrize(
    "call",
    [
        "socket.socket(40, socket.SOCK_STREAM)",  # AF_VSOCK: the host of a virtual machine
        "socket.socket(17, socket.SOCK_RAW)",  # AF_PACKET
        "socket.socket(38, socket.SOCK_SEQPACKET)",  # AF_ALG
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "require(libc.syscall(435, ctypes.create_string_buffer(88), 88))",  # clone3
        "require(libc.syscall(425, 8, ctypes.create_string_buffer(120)))",  # io_uring_setup
        "require(libc.ptrace(16, os.getppid(), 0, 0))",
        "require(libc.unshare(0x10000000))",
    ],
)
def test_calls_that_reach_beyond_namespaces_are_forbidden(pod: Pod, call: str) -> None:
    code = f"""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def require(done):
    if done < 0: raise OSError(ctypes.get_errno(), "refused")
try:
    {call}
except OSError as error:
    print("refused", error.errno)
"""
    assert pod.run(*python(code)).startswith("refused")


def test_a_program_can_do_what_programs_do(pod: Pod) -> None:
    code = """
import os, socket, threading, subprocess
threads = [threading.Thread(target=print, args=("thread",)) for _ in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
server = socket.create_server(("0.0.0.0", 80))
open("/data/x", "w").write("1"); open("/tmp/y", "w").write("1"); open("/here", "w").write("1")
print(subprocess.run(["sh", "-c", "echo child; cat /usr/share/nginx/html/key"],
      capture_output=True, text=True).stdout, end="")
print(os.uname().nodename)
"""
    assert pod.run(*python(code)).split() == ["thread"] * 3 + ["child", "value" + "web-0"]


# --- what it sees


def test_it_sees_neither_the_host_nor_who_started_it(pod: Pod, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    keys = str(Path.home() / ".ssh")
    looked_for = [str(secret), os.environ["ASSAY_HOME"], str(Path(__file__)), keys, "/home"]
    code = f"""
import os
print([path for path in {looked_for!r} if os.path.exists(path)])
print(sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
print(sorted(os.listdir("/dev")))
print([n for n in os.listdir("/proc/self/fd") if int(n) > 3])
print([name for name in os.environ if name.startswith("ASSAY")])
"""
    seen = pod.run(*python(code)).splitlines()

    assert seen[0] == "[]"
    assert seen[1] == "[1, 2]"
    assert "sda" not in seen[2]
    assert seen[3:] == ["[]", "[]"]


def test_it_cannot_open_what_its_first_process_has_open(pod: Pod) -> None:
    code = """
import os
for name in range(64):
    for path in (f"/proc/1/fd/{name}", "/proc/1/cwd", "/proc/1/root", "/proc/1/mem"):
        try:
            os.open(path, os.O_RDONLY)
        except OSError:
            continue
        print("opened", path)
"""
    assert pod.run(*python(code)) == ""


def test_no_service_of_the_host_is_reached(pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as service:
        port = service.getsockname()[1]
        code = f"""
import socket
for address in ("127.0.0.1", "0.0.0.0", "10.0.2.2", "169.254.169.254"):
    try:
        socket.create_connection((address, {port}), 2)
        print("reached", address)
    except OSError:
        pass
"""
        assert pod.run(*python(code)) == ""


def test_secrets_stand_in_no_command_line(pod: Pod) -> None:
    with closing(pod.start("sleep", "60")) as process:
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        shown += Path(f"/proc/{process.pid}/environ").read_bytes()

    assert b"s3cret" not in shown


def test_a_program_cannot_pass_for_a_part_of_a_cluster(pod: Pod) -> None:
    """Also where it has the platform's own account, as it has without root."""
    forged = {"ASSAY_CLUSTER": str(pod.folder), "ASSAY_COMPONENT": "door", "PATH": "/usr/bin"}
    with closing(pod.start("sleep", "60", uid=None, environment=forged)) as process:
        wait_until(lambda: list(processes.descendants(process.pid)))
        (program,) = processes.descendants(process.pid)
        wait_until(lambda: b"ASSAY_CLUSTER" in Path(f"/proc/{program}/environ").read_bytes())

        running = processes.find_cluster(pod.folder)

    assert set(running) == {processes.POD}


# --- volumes


def test_a_link_in_a_volume_leads_nowhere_by_a_sub_path(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("hidden")
    pod.run("sh", "-c", f"ln -s {tmp_path}/outside /data/way; ln -s / /data/root")

    for sub_path in ("way", "root", "root/etc", "../outside", "a/../../outside"):
        volumes = [pod.volume("empty", "/seen", sub_path=sub_path)]
        with pytest.raises(SandboxError, match=r"link|climb"):
            pod.start("ls", "/seen", volumes=volumes)


def test_a_link_in_a_volume_leads_nowhere_by_a_place_below_it(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    pod.run("sh", "-c", f"ln -s {tmp_path}/outside /data/way; ln -s ../../../../.. /data/up")
    volumes = [
        pod.volume("empty", "/data"),
        pod.volume("config", "/data/up/place"),
    ]

    said = pod.run("sh", "-c", "ls /place", volumes=volumes)

    assert said == "key\n"  # below its own root, and nowhere else
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_sub_path_that_is_missing_becomes_a_folder_of_the_program(pod: Pod) -> None:
    volumes = [pod.volume("empty", "/mine", sub_path="a/b")]

    assert pod.run("sh", "-c", "touch /mine/x && ls /mine", volumes=volumes) == "x\n"
    assert pod.run("sh", "-c", "ls /data/a/b") == "x\n"


def test_volumes_and_files_end_at_their_size(pod: Pod) -> None:
    pod.run("sh", "-c", "head -c 3000000 /dev/zero > /data/full || exit 9")

    assert pod.result() in (9, 128 + signal.SIGXFSZ)
    assert pod.run("sh", "-c", "wc -c < /data/full").strip() <= str(1 << 20)


# --- life


def test_whoever_ends_the_first_process_ends_everything(pod: Pod) -> None:
    """Also what has left its session, and asks not to die with its parent."""
    code = """
import ctypes, os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
    if os.fork():
        os._exit(0)
print("up", flush=True)
time.sleep(600)
"""
    with closing(pod.start(*python(code))) as process:
        log = pod.folder / f"{pod.attempt}.log"
        wait_until(lambda: log.read_text().count("up") == 2)
        inside = os.stat(f"/proc/{process.pid}/ns/pid").st_ino
        process.signal(signal.SIGKILL)
        wait_until(lambda: not process.alive)

        def left() -> list[str]:
            found = []
            for path in Path("/proc").glob("[0-9]*/ns/pid"):
                try:
                    if path.stat().st_ino == inside:
                        found.append(str(path))
                except OSError:
                    continue
            return found

        wait_until(lambda: not left())


@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 3", 3), ("kill -9 $$", 137), ("true", 0), ("nonsense-command", 127)],
)
def test_how_a_program_ended_is_written(pod: Pod, command: str, code: int) -> None:
    pod.run("sh", "-c", command)

    assert pod.result() == code


def test_signals_are_passed_on_and_children_reaped(pod: Pod) -> None:
    code = "trap 'echo bye; exit 5' TERM; (sleep 0.1 &) ; echo up; while :; do sleep 0.1; done"
    with closing(pod.start("sh", "-c", code)) as process:
        wait_until(lambda: "up" in (pod.folder / f"{pod.attempt}.log").read_text())
        process.signal(signal.SIGTERM)
        wait_until(lambda: not process.alive)

    assert pod.result() == 5
    assert "bye" in (pod.folder / f"{pod.attempt}.log").read_text()


def test_a_program_that_cannot_be_executed_is_told(pod: Pod) -> None:
    assert pod.run("/no/such/program").startswith("cannot start /no/such/program")
    assert pod.result() == 127


def test_a_further_command_has_no_more_rights_than_the_first(pod: Pod) -> None:
    with closing(pod.start("sleep", "60")) as process:
        command = "id -u; hostname; ls /proc | grep -c '^[0-9]'; unshare -U true || exit 7"
        done = run_inside(process, pod.order("sh", "-c", command), 30)

        assert done.returncode == 7
        assert done.stdout.decode().split()[:2] == [str(ACCOUNT or 0), "web-0"]
        with pytest.raises(subprocess.TimeoutExpired):
            run_inside(process, pod.order("sleep", "30"), 0.5)
        wait_until(
            lambda: run_inside(process, pod.order("pgrep", "-x", "-f", "sleep 30"), 30).returncode
        )


def test_a_library_that_a_learner_plants_is_not_loaded_on_the_way_in(pod: Pod) -> None:
    """Whoever enters a container still has rights when the container's files are all it sees."""
    place = os.path.dirname(os.__file__)
    plant = f"""
mkdir -p {place}/encodings /work 2>/dev/null
for name in site json ctypes encodings/cp037; do
  echo 'open("/tmp/loaded", "w")' > {place}/$name.py 2>/dev/null
done
sleep 60"""
    with closing(pod.start("sh", "-c", plant, shown={})) as process:
        done = run_inside(process, pod.order("sh", "-c", "ls /tmp"), 30)

    assert b"loaded" not in done.stdout


def test_the_filter_knows_this_processor() -> None:
    assert os.uname().machine in calls._MACHINES
