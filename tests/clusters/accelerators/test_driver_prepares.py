"""The driver hands devices over and takes them back, by the rules of a kubelet."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.clusters.accelerators.desk import DRA, DRIVER, NAMESPACE, PARTITIONS, exactly, model
from tests.clusters.accelerators.driving import Driving, names_in

pytestmark = pytest.mark.cluster


def test_a_kubelet_takes_the_driver(driver: Driving) -> None:
    info = driver.kubelet("a-linked").register()

    assert info.endpoint == f"/var/lib/kubelet/plugins/{DRIVER}.sock"
    assert list(info.supported_versions) == [
        "v1.DRAPlugin",
        "v1.DRAResourceHealth",
        "v1alpha1.DRAResourceHealth",
    ]


def test_a_container_gets_what_was_claimed_and_nothing_else(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    [result] = driver.desk.results(claim["metadata"]["name"])
    device, kubelet = result["device"], driver.kubelet("a-linked")

    devices = kubelet.prepare(claim)
    container = kubelet.container(devices)

    assert [(one.pool_name, one.device_name) for one in devices] == [("a-linked", device)]
    assert devices[0].request_names == ["gpu"]
    published = driver.desk.device(result)["attributes"]
    key = f"GPU_DEVICE_{device.removeprefix('gpu-')}"
    assert container.env == {
        "DRA_RESOURCE_DRIVER_NAME": DRIVER,
        "KUBERNETES_NODE_NAME": "a-linked",
        key: device,
        f"{key}_UUID": published["uuid"]["string"],
        f"{key}_MODEL": "LINKED",
        f"{key}_MEMORY": "80Gi",
        f"{key}_RESOURCE_CLAIM": claim["metadata"]["uid"],
    }
    assert container.device_nodes == {f"/dev/assay/{device}": "/dev/null"}
    [description] = container.files.values()
    assert description["attributes"]["uuid"] == published["uuid"]["string"]
    assert description["claim"] == f"default/{claim['metadata']['name']}"


def test_containers_get_the_devices_of_their_own_requests(driver: Driving) -> None:
    requests: list[dict[str, Any]] = [
        {"name": "one", "exactly": model("LINKED")},
        {"name": "two", "firstAvailable": [{"name": "pair", **model("LINKED", count=2)}]},
    ]
    claim = driver.claim(requests)
    kubelet = driver.kubelet("a-linked")

    devices = kubelet.prepare(claim)
    one, two = (kubelet.container(devices, name).device_nodes for name in ("one", "two"))

    assert (len(one), len(two)) == (1, 2)
    assert not one.keys() & two.keys()


def test_a_part_of_a_device_says_so(driver: Driving) -> None:
    found = f"device.attributes['{DRIVER}'].profile == '3g.40gb'"
    wanted = {"deviceClassName": PARTITIONS, "selectors": [{"cel": {"expression": found}}]}
    kubelet = driver.kubelet("b-cut")

    container = kubelet.container(kubelet.prepare(driver.claim(exactly(wanted))))

    assert container.env["GPU_DEVICE_0_3G_40GB_0_MEMORY"] == "40Gi"
    [description] = container.files.values()
    assert description["attributes"]["profile"] == "3g.40gb"


def test_claims_that_share_a_device_each_have_their_part(driver: Driving) -> None:
    kubelet = driver.kubelet("c-shared")
    amounts = ["30Gi", "50Gi"]

    prepared = [
        kubelet.prepare(
            driver.claim(exactly(model("SHARED", capacity={"requests": {"memory": amount}})))
        )
        for amount in amounts
    ]

    containers = [kubelet.container(devices) for devices in prepared]
    assert [one.env["GPU_DEVICE_0_MEMORY"] for one in containers] == amounts
    shares = [devices[0].share_id for devices in prepared]
    assert len(set(shares)) == 2
    assert all(shares)


def test_to_prepare_again_changes_nothing(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED", count=2)))
    kubelet = driver.kubelet("a-linked")
    first = kubelet.prepare(claim)
    files = {path: path.stat().st_ino for path in kubelet.cdi_files()}

    again = kubelet.prepare(claim)

    assert again == first
    assert {path: path.stat().st_ino for path in kubelet.cdi_files()} == files


def test_to_unprepare_leaves_nothing_and_can_be_repeated(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    kubelet.prepare(claim)
    uid = claim["metadata"]["uid"]

    answers = [kubelet.unprepare(claim), kubelet.unprepare(claim)]

    assert answers == [{uid: ""}, {uid: ""}]
    assert names_in(kubelet.place.cdi) == names_in(kubelet.place.plugins) == set()


def test_a_claim_that_cannot_be_prepared_does_not_fail_the_others(driver: Driving) -> None:
    good = driver.claim(exactly(model("LINKED")))
    gone = another(good, name="gone")
    elsewhere = driver.claim(exactly(model("CUT")))
    name = driver.desk.claim(exactly(model("NOBODY-HAS-THIS")))
    waiting = driver.desk.read_claim(name)
    kubelet = driver.kubelet("a-linked")

    answers = kubelet.answers([good, gone, elsewhere, waiting])

    errors = {uid: answer.error for uid, answer in answers.items()}
    assert errors == {
        good["metadata"]["uid"]: "",
        gone["metadata"]["uid"]: "there is no claim default/gone",
        elsewhere["metadata"]["uid"]: "device b-cut/gpu-0 is not on this node",
        waiting["metadata"]["uid"]: "the claim has no allocation",
    }


def test_the_devices_of_a_claim_are_not_for_the_next_one_of_its_name(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))

    assert "another one has its name" in driver.kubelet("a-linked").refusal(another(claim))


def another(claim: dict[str, Any], **metadata: str) -> dict[str, Any]:
    """Return what a kubelet would call another claim."""
    return {"metadata": {**claim["metadata"], "uid": str(uuid.uuid4()), **metadata}}


def given_by_hand(driver: Driving, device: dict[str, Any]) -> dict[str, Any]:
    """Return a claim that has a device because somebody wrote so, not the scheduler."""
    name = driver.desk.claim(exactly(model("NOBODY-HAS-THIS")))
    claim = driver.desk.read_claim(name)
    result = {**device, "request": "gpu"}
    claim["status"] = {"allocation": {"devices": {"results": [result]}}}
    return driver.desk.put(f"{DRA}{NAMESPACE}/resourceclaims/{name}/status", claim)


def test_a_device_that_somebody_still_has_is_not_handed_over(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    kubelet.prepare(claim)
    [result] = driver.desk.results(claim["metadata"]["name"])
    thief = given_by_hand(driver, result)

    refusal = kubelet.refusal(thief)

    assert f"still prepared for claim default/{claim['metadata']['name']}" in refusal
    kubelet.unprepare(claim)
    assert kubelet.prepare(thief)


def test_a_device_of_a_claim_that_is_gone_is_free(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    kubelet.prepare(claim)
    [result] = driver.desk.results(claim["metadata"]["name"])
    driver.desk.release(claim["metadata"]["name"])
    heir = given_by_hand(driver, result)

    kubelet.prepare(heir)

    [file] = kubelet.cdi_files()
    assert heir["metadata"]["uid"] in file.name


def test_who_looks_after_a_device_gets_it_beside_its_user(driver: Driving) -> None:
    claim = driver.claim(exactly(model("LINKED")))
    kubelet = driver.kubelet("a-linked")
    kubelet.prepare(claim)
    [result] = driver.desk.results(claim["metadata"]["name"])
    namespace = driver.desk.get("/api/v1/namespaces/default")
    namespace["metadata"]["labels"]["resource.kubernetes.io/admin-access"] = "true"
    driver.desk.put("/api/v1/namespaces/default", namespace)
    uuid = driver.desk.device(result)["attributes"]["uuid"]["string"]
    wanted = {
        "deviceClassName": DRIVER,
        "adminAccess": True,
        "selectors": [{"cel": {"expression": f"device.attributes['{DRIVER}'].uuid == '{uuid}'"}}],
    }

    devices = kubelet.prepare(driver.claim(exactly(wanted)))

    assert devices[0].device_name == result["device"]
    assert kubelet.container(devices).env["DRA_ADMIN_ACCESS"] == "true"
