"""What a learner sees when something is killed: nothing leaks, nothing is lost or counted twice."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from hub.health import hub_answers, proctor_answers
from hub.tour.kernel import NotebookKernel
from hub.tour.session import LearnerSession, StoryBroken

if TYPE_CHECKING:
    from tests.hub.conftest import Platform

LAB = "tiny"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


@pytest.fixture(scope="module", autouse=True)
def room_for_others(platform: Platform) -> Iterator[None]:
    yield
    platform.finish_all()


@pytest.fixture(scope="module")
def learner(platform: Platform) -> LearnerSession:
    platform.add_learner("lin")
    session = platform.session("lin")
    session.start_lab(LAB)
    list(session.phases(LAB))
    return session


@contextmanager
def kernel_of(platform: Platform, session: LearnerSession) -> Iterator[NotebookKernel]:
    server = f"{platform.url}/user/{session.name}/{LAB}"
    with NotebookKernel(server, session.api_token()) as kernel:
        yield kernel


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)


def live_attempt(platform: Platform, learner: str) -> Any:
    (live,) = [a for a in platform.attempts(learner) if a["state"] in ("starting", "open")]
    return live


def test_a_killed_control_plane_comes_back_with_its_objects(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    def is_ready() -> bool:
        return bool(platform.clusters()[0]["state"] == "ready")

    with kernel_of(platform, learner) as kernel:
        kernel.run("!kubectl create configmap precious")
        (cluster,) = platform.clusters()
        for component in cluster["components"]:
            if component["name"] in ("etcd", "kube-apiserver"):
                kill(psutil.Process(component["pid"]))
        said = kernel.run("%check write-a-note")
        wait_for(is_ready, "repaired cluster")

        assert "✓" not in said
        assert "configmap/precious" in kernel.run("!kubectl get configmap precious -o name")
        assert "✗ write-a-note" in kernel.run("%check write-a-note")
    assert platform.clusters()[0]["uid"] == cluster["uid"]


def gradings(platform: Platform) -> int:
    """Return how many checks the proctor says are running."""
    said = httpx.get(f"{platform.url}/services/proctor/metrics").text
    return int(float(re.findall(r"^assay_gradings_running (\S+)$", said, re.MULTILINE)[0]))


def test_a_proctor_killed_during_a_check_counts_nothing_and_says_so(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    attempt = live_attempt(platform, learner.name)["id"]

    def shown() -> dict[str, Any]:
        document: dict[str, Any] = platform.document("attempt", "show", attempt)
        return document | {"warning": ""}  # it counts the minutes that are left

    before = shown()
    with kernel_of(platform, learner) as kernel, ThreadPoolExecutor(1) as background:
        check = background.submit(kernel.run, "%check wait-for-ever")
        proctor = platform.process("graders.proctor")
        wait_for(lambda: gradings(platform) == 1, "running check")
        graders = proctor.children(recursive=True)
        kill(proctor)
        said = check.result(timeout=90)

        assert "the grader restarted; nothing was counted; run %check again" in said
        wait_for(lambda: not any(map(psutil.Process.is_running, graders)), "end of graders", 15)
        assert shown() == before
        assert "✗ write-a-note" in kernel.run("%check write-a-note")


def test_a_hub_killed_during_a_start_loses_nobody(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    platform.add_learner("ada")
    ada = platform.session("ada")
    notebook = notebook_of(platform)
    ada.start_lab(LAB)
    phases = ada.phases(LAB)
    next(event for event in phases if event.get("phase", {}).get("name") == "api-server")
    kill(platform.process("jupyterhub", "-f"))
    with pytest.raises((StoryBroken, httpx.HTTPError)):
        list(phases)
    wait_for(lambda: not hub_answers(platform.url), "end of the proxy", 10)
    wait_for(lambda: hub_answers(platform.url), "restarted hub")
    wait_for(lambda: proctor_answers(platform.url), "restarted proctor")

    ada.start_lab(LAB)  # what the spawn page does by itself
    assert list(ada.phases(LAB))[-1]["ready"] is True
    assert live_attempt(platform, "ada")["state"] == "open"
    owners = sorted(cluster["owner"] for cluster in platform.clusters())
    assert owners == sorted(
        f"attempt:{live_attempt(platform, name)['id']}" for name in ("ada", "lin")
    )
    assert notebook.is_running()
    with kernel_of(platform, learner) as kernel:  # the learner goes on in the same server
        assert kernel.run("print(6 * 7)").strip() == "42"


def test_a_start_without_room_waits_in_the_queue(platform: Platform) -> None:
    platform.add_learner("grace")
    grace, ada = platform.session("grace"), platform.session("ada")
    attempt = live_attempt(platform, "ada")["id"]
    grace.start_lab(LAB)
    messages = []
    for event in grace.phases(LAB):
        messages.append(str(event.get("message")))
        if "number 1 in the queue" in messages[-1]:
            headers = {"Authorization": f"token {ada.api_token()}"}
            url = f"{platform.url}/services/proctor/attempts/{attempt}/finish"
            httpx.post(url, headers=headers).raise_for_status()

    assert any("number 1 in the queue" in message for message in messages)
    assert live_attempt(platform, "grace")["state"] == "open"


def test_a_killed_notebook_server_is_noticed_and_started_again(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    before = live_attempt(platform, learner.name)
    kill(notebook_of(platform))
    headers = {"Authorization": f"token {learner.api_token()}"}

    def is_noticed() -> bool:
        model = httpx.get(f"{platform.url}/hub/api/users/{learner.name}", headers=headers).json()
        return LAB not in model["servers"]

    wait_for(is_noticed, "notice of the dead server")
    learner.start_lab(LAB)
    list(learner.phases(LAB))

    assert live_attempt(platform, learner.name) == before


def notebook_of(platform: Platform) -> psutil.Process:
    for process in platform.processes():
        words = process.cmdline()
        if "jupyterhub.singleuser" in words and process.environ()["JUPYTERHUB_USER"] == "lin":
            return process
    raise AssertionError("the learner has no notebook server")


def test_a_killed_supervisor_takes_the_hub_along_and_up_brings_all_back(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    before = live_attempt(platform, learner.name)
    notebook = notebook_of(platform)
    services = [p for p in platform.processes() if is_service(p)]
    kill(psutil.Process(platform.document("status", expect=0)["pid"]))
    wait_for(lambda: not any(p.is_running() for p in services), "end of hub and services", 40)
    assert platform.document("status", expect=1)["running"] is False

    platform.up()
    with kernel_of(platform, learner) as kernel:
        assert kernel.run("print(6 * 7)").strip() == "42"
    assert notebook.is_running()
    assert live_attempt(platform, learner.name) == before


def is_service(process: psutil.Process) -> bool:
    try:
        return "ASSAY_INSTALLATION" in process.environ()
    except psutil.Error:
        return False


def test_down_rests_the_clusters_and_up_wakes_them(
    platform: Platform, learner: LearnerSession
) -> None:
    from tests.hub.conftest import wait_for

    before = live_attempt(platform, learner.name)
    platform.assay("down")
    assert platform.processes() == []

    platform.up()
    wait_for(lambda: all(c["state"] == "ready" for c in platform.clusters()), "woken clusters", 90)
    learner.start_lab(LAB)
    list(learner.phases(LAB))
    with kernel_of(platform, learner) as kernel:
        assert "configmap/precious" in kernel.run("!kubectl get configmap precious -o name")
    assert live_attempt(platform, learner.name) == before
