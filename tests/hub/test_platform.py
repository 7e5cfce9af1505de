"""The platform from `assay up` to `assay down`, with a learner in between. One story in order."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from hub.platform import absolute_paths
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
    return platform.session("learner")


@pytest.fixture(scope="module")
def started(learner: LearnerSession) -> list[dict[str, object]]:
    """The events of the learner's lab, which runs from now on."""
    learner.start_lab(LAB)
    return list(learner.phases(LAB))


@pytest.fixture(scope="module")
def kernel(
    platform: Platform, learner: LearnerSession, started: object
) -> Iterator[NotebookKernel]:
    server = f"{platform.url}/user/learner/{LAB}"
    with NotebookKernel(server, learner.api_token()) as kernel:
        yield kernel


def test_up_runs_and_a_second_one_says_where(platform: Platform) -> None:
    again = platform.up()
    status = platform.document("status")

    assert {"learner", "instructor"} <= set(platform.passwords)
    assert again["url"] == platform.url
    assert again["already"] is True
    assert again["accounts"] == []
    assert status["running"] is True
    assert status["pid"] == again["pid"]


def test_up_on_a_busy_port_names_the_holder(platform: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        platform_of_somebody_else = type(platform)()
        done = platform_of_somebody_else.assay("up", "--port", str(port), expect=3)
        platform_of_somebody_else.remove()

    assert f"port {port} on 127.0.0.1 is in use by " in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_configuration_is_one_sentence_and_leaves_nothing(
    platform: Platform, tmp_path: Path
) -> None:
    config = tmp_path / "config.py"
    config.write_text("raise ValueError('broken on purpose')")
    other = type(platform)(ASSAY_HUB_CONFIG=str(config))
    done = other.assay("up", "--port", str(other.port), expect=3)
    left = other.processes()
    other.remove()

    assert "the platform ended at once: ValueError: broken on purpose" in done.stderr
    assert "Traceback" not in done.stderr
    assert left == []


def test_settings_that_are_paths_may_be_relative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")

    assert absolute_paths({"ASSAY_HOME": "here", "ASSAY_LABS": "/labs", "ASSAY_PORT": "1"}) == {
        "ASSAY_HOME": "/tmp/here",
        "ASSAY_LABS": "/labs",
    }


def test_people_land_on_the_site_and_need_a_password(platform: Platform) -> None:
    stranger = platform.stranger("learner")
    with pytest.raises(StoryBroken, match="did not accept"):
        stranger.sign_in("wrong")
    page = platform.session("instructor").page("/")

    assert page.url.path == "/services/web/"


def test_a_removed_account_is_out_with_all_its_tokens(platform: Platform) -> None:
    from tests.hub.conftest import wait_for

    platform.add_learner("eve")
    headers = {"Authorization": f"token {platform.session('eve').api_token()}"}

    def status() -> int:
        return httpx.get(f"{platform.url}/hub/api/user", headers=headers).status_code

    assert status() == 200
    platform.assay("account", "remove", "eve")
    wait_for(lambda: status() == 403, "refusal of the token", 10)


def test_the_spawn_page_shows_every_phase(started: list[dict[str, object]]) -> None:
    phases = [event["phase"]["name"] for event in started if "phase" in event]  # type: ignore[index]
    percents = [event["progress"] for event in started]

    assert {"etcd", "api-server", "starting-state", "notebook"} <= set(phases)
    assert started[-1]["ready"] is True
    assert percents == sorted(percents)  # type: ignore[type-var]


def test_the_notebook_has_its_cluster_and_no_secret_of_the_platform(kernel: NotebookKernel) -> None:
    nodes = kernel.run("!kubectl get nodes --no-headers | wc -l")
    environment = kernel.run("!env")

    assert int(nodes) > 0
    for secret in ("CONFIGPROXY_AUTH_TOKEN", "ASSAY_HOME", "ASSAY_DATABASE_URL", "spawner"):
        assert secret not in environment


def test_tasks_are_checked_from_the_notebook(kernel: NotebookKernel) -> None:
    before = kernel.run("%check write-a-note")
    note = kernel.run("import json; print(json.load(open('notebook.ipynb'))['cells'][0]['source'])")
    kernel.run(f"!kubectl create configmap {note.split('`')[1]}")
    after = kernel.run("%check write-a-note")

    assert "✗ write-a-note" in before
    assert "✓ write-a-note" in after
    assert "1 of 2 tasks are done, 10 of 20 points." in after
    assert "✓ write-a-note" in kernel.run("%tasks")


def newest(printed: str) -> str:
    """Return the last table of an output; one that follows the attempt may be printed anew."""
    return printed[printed.rindex("✓ write-a-note") :]


def test_practice_cells_earn_points_that_no_task_knows_of(kernel: NotebookKernel) -> None:
    tasks = kernel.run("%tasks")
    source = kernel.run("print(open('notebook.ipynb').read())")
    untouched = kernel.run("%validate")
    kernel.run(
        "import json, pathlib\n"
        "path = pathlib.Path('notebook.ipynb')\n"
        "notebook = json.loads(path.read_text())\n"
        "for cell in notebook['cells']:\n"
        "    if cell['id'] == 'double': cell['source'] = 'def double(x): return 4'\n"
        "path.write_text(json.dumps(notebook))"
    )
    validated = kernel.run("%validate")
    graded = kernel.run("%autograde")

    assert "2 * x" not in source
    assert "double(21)" not in source
    assert "✗ double-tests" in untouched
    assert "✓ double-tests" in validated
    assert "the tests that you can see pass, a hidden one does not" in graded
    assert "0 of 3 points for practice; no task depends on them." in graded
    assert newest(kernel.run("%tasks")) == newest(tasks)


def test_tasks_are_checked_from_the_terminal(kernel: NotebookKernel) -> None:
    said = kernel.run("!assay lab check --task write-a-note --json; echo exit $?")

    assert '"outcome": "passed"' in said
    assert "exit 0" in said


def test_a_task_that_is_not_there_is_one_sentence(kernel: NotebookKernel) -> None:
    assert kernel.run("%check nonsense").strip() == (
        "! there is no task 'nonsense'; this lab has write-a-note, wait-for-ever"
    )


def headers_of(platform: Platform, name: str) -> dict[str, str]:
    return {"Authorization": f"token {platform.session(name).api_token()}"}


def test_somebody_elses_attempt_does_not_exist(platform: Platform, started: object) -> None:
    platform.add_learner("eve")
    attempt = platform.attempts("learner")[0]["id"]
    headers = headers_of(platform, "eve")
    url = f"{platform.url}/services/proctor/attempts"

    assert httpx.get(url, headers=headers).json() == []
    assert httpx.get(f"{url}/{attempt}", headers=headers).status_code == 404
    assert httpx.post(f"{url}/{attempt}/finish", headers=headers).status_code == 404
    assert platform.attempts("learner")[0]["state"] == "open"


def test_instructors_and_certifiers_read_it_and_finish_it_not(
    platform: Platform, started: object
) -> None:
    platform.add_account("carol", "certifier")
    attempt = platform.attempts("learner")[0]["id"]
    url = f"{platform.url}/services/proctor"

    for name, finish in (("instructor", 404), ("carol", 403)):
        headers = headers_of(platform, name)
        assert httpx.get(f"{url}/attempts/{attempt}", headers=headers).status_code == 200
        assert httpx.get(f"{url}/ledger/verification", headers=headers).json()["true"]
        assert httpx.post(f"{url}/attempts/{attempt}/finish", headers=headers).status_code == finish
    assert "Verify it all" in platform.session("carol").page("/services/web/ledger").text


@pytest.mark.parametrize("lab", ["needs-gpu", "no-such-lab"])
def test_a_lab_that_cannot_start_says_why_on_the_spawn_page(platform: Platform, lab: str) -> None:
    session = platform.session("instructor")
    session.start_lab(lab)
    with pytest.raises(StoryBroken) as caught:
        list(session.phases(lab))

    said = str(caught.value)
    assert ("needs gpu" if lab == "needs-gpu" else "there is no lab") in said
    assert "SpawnException" not in said


def test_a_notebook_without_a_lab_is_refused(platform: Platform) -> None:
    session = platform.session("instructor")
    page = session._http.get("/hub/spawn/instructor")

    assert page.status_code >= 400
    assert "Choose a lab" in page.text


def test_stopping_the_server_keeps_the_cluster_and_the_notebook(
    platform: Platform, learner: LearnerSession, started: object
) -> None:
    home = platform.home / "learners" / "learner" / LAB
    document = json.loads((home / "notebook.ipynb").read_text())
    document["cells"][0]["source"] = ["edited by the learner"]
    (home / "notebook.ipynb").write_text(json.dumps(document))
    for module in ("json", "hub", "jupyterhub"):  # files of a learner are no modules of ours
        (home / f"{module}.py").write_text("raise SystemExit('loaded')")
    before = platform.clusters()
    learner.stop_server(LAB)
    learner.start_lab(LAB)
    list(learner.phases(LAB))

    for module in ("json", "hub", "jupyterhub"):
        (home / f"{module}.py").unlink()
    assert "edited by the learner" in (home / "notebook.ipynb").read_text()
    assert [c["uid"] for c in platform.clusters()] == [c["uid"] for c in before]
    assert len(platform.attempts("learner")) == 1


def test_finishing_removes_the_cluster_and_stops_the_notebook(
    platform: Platform, learner: LearnerSession, started: object
) -> None:
    from tests.hub.conftest import wait_for

    with NotebookKernel(f"{platform.url}/user/learner/{LAB}", learner.api_token()) as kernel:
        assert "%finish yes" in kernel.run("%finish")
        assert "finished" in kernel.run("%finish yes")

        assert platform.clusters() == []
        wait_for(lambda: not platform.notebooks_of("learner"), "end of the notebook", 20)
