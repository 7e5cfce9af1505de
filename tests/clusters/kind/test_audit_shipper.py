"""The shipper takes every byte once, whoever is killed, and says where somebody cut the spool."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from clusters.providers.kind import audit_shipper
from clusters.providers.kind.audit_shipper import Shipper

PROGRAM = Path(audit_shipper.__file__)


class Spool:
    """What an API server does to its log: append whole lines, and begin a new file now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, 0
        folder.mkdir()

    def write(self, lines: int) -> None:
        with (self.folder / "audit.log").open("ab") as log:
            for _ in range(lines):
                log.write(b'{"number": %d}\n' % self.written)
                self.written += 1

    def rotate(self) -> None:
        rotated = self.folder / f"audit-{self.written:08d}.log"
        (self.folder / "audit.log").rename(rotated)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept"


def shipped(kept: Path) -> list[int]:
    lines = [
        json.loads(line)
        for part in [*sorted(kept.glob("audit-*.log")), *kept.glob("audit.log")]
        for line in part.read_text().splitlines(keepends=True)
        if line.endswith("\n") and line.strip()
    ]
    return [line["number"] for line in lines if "number" in line]


def has_more_than(kept: Path, number: int) -> bool:
    return len(shipped(kept)) > number


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gaps(kept: Path) -> list[str]:
    lines = (kept / "audit.log").read_text().splitlines()
    return [json.loads(line)["reason"] for line in lines if "Gap" in line]


def drain(shipper: Shipper) -> None:
    while shipper.ship():
        pass


def test_what_is_written_comes_out(spool: Spool, kept: Path) -> None:
    shipper = Shipper(str(spool.folder), str(kept))
    drain(shipper)
    for lines in (1, 3, 5):
        spool.write(lines)
        drain(shipper)

    assert shipped(kept) == list(range(9))
    assert gaps(kept) == []


def test_a_rotation_loses_nothing_and_is_no_gap(spool: Spool, kept: Path) -> None:
    shipper = Shipper(str(spool.folder), str(kept))
    spool.write(3)
    drain(shipper)
    spool.write(2)
    spool.rotate()
    spool.write(2)
    spool.rotate()
    spool.write(2)
    drain(shipper)

    assert shipped(kept) == list(range(9))
    assert gaps(kept) == []


def test_a_new_shipper_goes_on_where_the_last_one_was(spool: Spool, kept: Path) -> None:
    for _ in range(4):
        spool.write(3)
        shipper = Shipper(str(spool.folder), str(kept))
        drain(shipper)
        spool.write(1)
        spool.rotate()

    drain(Shipper(str(spool.folder), str(kept)))

    assert shipped(kept) == list(range(16))
    assert gaps(kept) == []


def test_the_kept_log_is_put_into_parts_of_whole_lines(spool: Spool, kept: Path) -> None:
    for _ in range(5):
        spool.write(10)
        drain(Shipper(str(spool.folder), str(kept), longest=200))

    assert len(list(kept.glob("audit-*.log"))) >= 1
    assert shipped(kept)[-10:] == list(range(40, 50))


def test_a_spool_that_was_cut_is_told_and_what_was_taken_stays(spool: Spool, kept: Path) -> None:
    shipper = Shipper(str(spool.folder), str(kept))
    spool.write(5)
    drain(shipper)

    os.truncate(spool.folder / "audit.log", 0)
    drain(shipper)
    spool.write(1)
    drain(shipper)

    assert shipped(kept) == list(range(6))
    assert gaps(kept) == ["the spool was cut"]


def test_a_spool_that_was_exchanged_is_told(spool: Spool, kept: Path) -> None:
    shipper = Shipper(str(spool.folder), str(kept))
    spool.write(5)
    drain(shipper)

    (spool.folder / "forged").write_text('{"number": 99}\n')
    (spool.folder / "forged").rename(spool.folder / "audit.log")
    drain(shipper)

    assert shipped(kept) == [0, 1, 2, 3, 4, 99]
    assert gaps(kept) == ["the spool was exchanged"]


def test_a_log_that_was_removed_is_read_on_while_it_is_written_to(spool: Spool, kept: Path) -> None:
    shipper = Shipper(str(spool.folder), str(kept))
    spool.write(1)
    drain(shipper)
    with (spool.folder / "audit.log").open("ab") as log:
        (spool.folder / "audit.log").unlink()
        log.write(b'{"number": 1}\n')
    drain(shipper)

    assert shipped(kept) == [0, 1]


@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_what_is_no_file_is_not_opened(spool: Spool, kept: Path, tmp_path: Path, trap: str) -> None:
    """Root in the node may put anything there; the shipper must not hang or read the host."""
    secret = tmp_path / "secret"
    secret.write_text("secret of the host\n")
    place = spool.folder / "audit.log"
    if trap == "link":
        place.symlink_to(secret)
    else:
        os.mkfifo(place)

    drain(Shipper(str(spool.folder), str(kept)))

    assert "secret" not in (kept / "audit.log").read_text()


@pytest.fixture
def start(spool: Spool, kept: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started = []

    def begin() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", str(PROGRAM), str(spool.folder), str(kept)]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_an_idle_shipper_takes_no_processor_time_and_is_told_at_once(
    spool: Spool, kept: Path, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = psutil.Process(start().pid)
    spool.write(1)
    until(lambda: shipped(kept) == [0])
    before, began = process.cpu_times(), process.num_ctx_switches().voluntary
    late = []
    for number in range(1, 11):
        time.sleep(0.05)
        written = time.monotonic()
        spool.write(1)
        until(partial(has_more_than, kept, number))
        late.append(time.monotonic() - written)

    assert sorted(late)[5] < 0.5, "it looks now and then, and is not told"
    assert process.num_ctx_switches().voluntary - began < 200
    assert process.cpu_times().user - before.user < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_it_takes_every_line_once(
    spool: Spool, kept: Path, start: Callable[[], subprocess.Popen[bytes]], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        process = start()
        until(lambda: len(shipped(kept)) >= spool.written)
        for _ in range(chance.randrange(1, 40)):
            spool.write(chance.randrange(1, 400))
            time.sleep(0.001)
        if chance.random() < 0.4:
            spool.rotate()
            spool.write(1)
        process.kill()
        process.wait()
    start()

    until(lambda: len(shipped(kept)) >= spool.written)
    assert shipped(kept) == list(range(spool.written))
    assert gaps(kept) == []
