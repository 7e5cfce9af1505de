"""The driver dies, restarts, and is attacked: nothing leaks, nothing is handed over twice."""

from __future__ import annotations

import os
import signal
import uuid

import grpc
import pytest

from tests.clusters.accelerators.desk import DRIVER, exactly, model, wait_until
from tests.clusters.accelerators.driving import KILLED_BEFORE_ITS_ANSWER, Driving, names_in

pytestmark = pytest.mark.cluster


def test_a_driver_that_stops_takes_its_sockets_with_it(driver: Driving) -> None:
    kubelet = driver.kubelet("a-linked")

    assert driver.stop(signal.SIGTERM) == 0
    assert os.listdir(kubelet.place.registry) == os.listdir(kubelet.place.plugins) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_prepared_outlives_the_driver(driver: Driving, number: int) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    first = driver.kubelet("a-linked").prepare(claim)

    driver.stop(number)
    driver.start()
    kubelet = driver.kubelet("a-linked")

    assert len(kubelet.container(first).device_nodes) == 1
    assert kubelet.prepare(claim) == first
    assert kubelet.unprepare(claim) == {claim["metadata"]["uid"]: ""}
    assert names_in(kubelet.place.cdi) == names_in(kubelet.place.plugins) == set()


def test_a_driver_that_is_killed_before_its_answer_is_asked_again(
    stopped_driver: Driving,
) -> None:
    driver = stopped_driver
    driver.start(KILLED_BEFORE_ITS_ANSWER)
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    with pytest.raises(grpc.RpcError):
        kubelet.prepare(claim)
    assert driver.ended() == -signal.SIGKILL
    assert len(kubelet.cdi_files()) == 1

    driver.start()
    kubelet = driver.kubelet("a-linked")
    devices = kubelet.prepare(claim)

    assert len(kubelet.container(devices).device_nodes) == 1
    assert len(kubelet.cdi_files()) == 1
    kubelet.unprepare(claim)
    assert names_in(kubelet.place.cdi) == names_in(kubelet.place.plugins) == set()


def test_what_is_left_of_claims_that_are_gone_is_cleared_at_the_start(
    stopped_driver: Driving,
) -> None:
    driver = stopped_driver
    driver.start(KILLED_BEFORE_ITS_ANSWER)
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    with pytest.raises(grpc.RpcError):
        kubelet.prepare(claim)
    driver.ended()
    driver.desk.release(claim["metadata"]["name"])
    foreign = kubelet.place.cdi / "example.com-device.json"
    foreign.write_text("{}", encoding="utf-8")

    driver.start()

    wait_until(lambda: names_in(kubelet.place.cdi) == {foreign.name})
    wait_until(lambda: not names_in(kubelet.place.plugins))


def test_links_of_a_learner_lead_nowhere(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    uid = claim["metadata"]["uid"]
    [result] = driver.desk.results(claim["metadata"]["name"])
    kubelet = driver.kubelet("a-linked")
    outside = driver.file.parent / "outside"
    outside.write_text("mine", encoding="utf-8")
    (kubelet.place.cdi / f"k8s.{DRIVER}-{uid}.json").symlink_to(outside)
    (kubelet.place.plugins / f"{DRIVER}-{uid}-{result['device']}.json").symlink_to(outside)

    kubelet.prepare(claim)

    assert outside.read_text(encoding="utf-8") == "mine"
    assert not any(path.is_symlink() for path in kubelet.cdi_files())
    kubelet.unprepare(claim)
    assert outside.exists()


def test_pipes_folders_and_nonsense_of_a_learner_hold_nothing_up(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    files = [kubelet.place.cdi / f"k8s.{DRIVER}-{uuid.uuid4()}.json" for _ in range(5)]
    os.mkfifo(files[0])
    files[1].mkdir()
    files[2].write_bytes(b"\xff[")
    files[3].write_text('{"annotations": {"assay.dev/claim": "a/b/c"}, "devices": 7}')
    with files[4].open("wb") as huge:
        huge.truncate(1 << 40)

    assert kubelet.prepare(claim)


@pytest.mark.parametrize("uid", ["../../outside", "", "*", "/etc/passwd", "a" * 36])
def test_a_uid_that_is_none_removes_nothing(driver: Driving, uid: str) -> None:
    kubelet = driver.kubelet("a-linked")
    outside = kubelet.place.cdi.parent / "outside"
    outside.touch()
    claim = {"metadata": {"namespace": "default", "name": "x", "uid": uid}}

    assert kubelet.unprepare(claim) == {uid: "the claim has no uid"}
    assert kubelet.refusal(claim)
    assert outside.exists()


def test_names_of_claims_do_not_lead_to_other_objects(driver: Driving) -> None:
    kubelet = driver.kubelet("a-linked")
    metadata = {"namespace": "../../../api/v1/namespaces/kube-system/secrets", "name": "?x"}

    assert "there is no claim" in kubelet.refusal({"metadata": {**metadata, "uid": "0" * 36}})
