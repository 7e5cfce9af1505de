"""The folder of evidence: private, whole or not there, and swept of what nobody names."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusters.errors import NotFound
from graders.bundles.bundle import BundleDamaged, digest_of, make_bundle, pack, unpack
from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore


def a_bundle(attempt: str = "a1", **about: str) -> bytes:
    return make_bundle({"attempt": attempt, **about}, (), {})


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


def test_a_bundle_comes_back_under_its_digest(store: EvidenceStore) -> None:
    text = a_bundle(report="r1", note="größer")

    digest = store.put(text)

    assert digest == digest_of(text) == store.put(text)
    assert store.get(digest) == text
    assert store.has(digest)


def test_evidence_is_private(store: EvidenceStore) -> None:
    path = store.path(store.put(a_bundle()))

    for private in (store.folder, path.parent):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_text_is_the_same_file_whenever_it_is_packed() -> None:
    text = a_bundle()
    first = pack(text)
    time.sleep(1.1)  # gzip would write the time down in whole seconds

    assert pack(text) == first
    assert gzip.decompress(first) == text


@pytest.mark.parametrize("harm", ["cut", "flip", "other", "swell"])
def test_damaged_evidence_is_not_believed(store: EvidenceStore, harm: str) -> None:
    digest = store.put(a_bundle())
    path = store.path(digest)
    packed = path.read_bytes()
    path.write_bytes(
        {
            "cut": packed[:-9],
            "flip": packed[:20] + bytes([packed[20] ^ 1]) + packed[21:],
            "other": pack(a_bundle("a2")),
            "swell": gzip.compress(b"x" * (300 << 20), 1),
        }[harm]
    )

    with pytest.raises(BundleDamaged):
        store.get(digest)


@pytest.mark.parametrize("name", ["", "sha256:12", "sha256:" + "g" * 64, "../../etc/passwd"])
def test_only_digests_name_evidence(store: EvidenceStore, name: str) -> None:
    with pytest.raises(NotFound):
        store.get(name)


def test_what_nobody_names_is_swept_when_it_is_old(store: EvidenceStore) -> None:
    named, orphan, young, foreign = (
        store.put(a_bundle(attempt, report=report))
        for attempt, report in [("a1", "r1"), ("a1", "r2"), ("a1", "r3"), ("b1", "r4")]
    )
    half = store.path(orphan).with_name(".0123.new")
    half.write_bytes(b"half")
    for path in (store.path(named), store.path(orphan), store.path(foreign), half):
        os.utime(path, (1, 1))

    swept = store.sweep(lambda digests: {named} & set(digests), lambda attempt: attempt == "a1")

    assert sorted(swept) == sorted([orphan, half.name])
    assert [store.has(d) for d in (named, orphan, young, foreign)] == [True, False, True, True]


def test_the_sweep_is_done_by_one_of_many_from_time_to_time(store: EvidenceStore) -> None:
    assert not store.is_time_to_sweep(), "there is nothing"
    store.put(a_bundle())

    assert store.is_time_to_sweep()
    assert not store.is_time_to_sweep()
    assert store.is_time_to_sweep(every=0)


def test_held_evidence_is_on_disk_only_when_it_is_kept(store: EvidenceStore) -> None:
    held = HeldEvidence()
    digest = held.hold(a_bundle())

    assert not store.has(digest)
    assert held.keep(digest, store)
    assert held.keep(digest, store), "keeping it again is no error"
    assert store.get(digest) == a_bundle()


def test_of_too_much_that_is_held_the_oldest_goes_first(store: EvidenceStore) -> None:
    held = HeldEvidence(limit=2 * len(pack(a_bundle("a1"))) + 20)
    first, second, third = (held.hold(a_bundle(f"a{n}")) for n in range(1, 4))

    assert [held.keep(digest, store) for digest in (first, second, third)] == [False, True, True]


def test_a_process_killed_while_it_writes_leaves_no_half_a_bundle(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from graders.bundles.bundle import make_bundle\n"
        "from graders.bundles.store import EvidenceStore\n"
        "store = EvidenceStore(Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    blob = os.urandom(200_000).hex()\n"
        "    print(store.put(make_bundle({'attempt': str(n), 'blob': blob}, (), {})), flush=True)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "evidence")]
    told: list[str] = []
    for bundles in (1, 3, 6):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            told += [process.stdout.readline().strip() for _ in range(bundles)]
            process.kill()

    store = EvidenceStore(tmp_path / "evidence")
    whole = [f"sha256:{path.name.split('.')[0]}" for path in store.folder.glob("??/[0-9a-f]*")]
    assert set(told) <= set(whole)
    for digest in whole:
        assert unpack(store.read_packed(digest)) == store.get(digest)
