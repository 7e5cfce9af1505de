"""The notebook of the lab Claim a GPU, run from its first cell to its last by a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from clusters.providers.embedded import EmbeddedProvider
from graders.report import Outcome
from tests.labs.notebook_run import run_notebook, text_of

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

pytestmark = pytest.mark.cluster

SLUG = "dra-01-claim-a-gpu"


@pytest.fixture(scope="module")
def solved(open_desk: OpenDesk) -> Iterator[tuple[Desk, dict[str, Any]]]:
    """A desk at which the notebook ran with the solution in its cells, and that notebook."""
    with open_desk(SLUG, 2) as desk:
        yield desk, run_notebook(desk)


def test_every_cell_of_the_notebook_runs(solved: tuple[Desk, dict[str, Any]]) -> None:
    _, notebook = solved

    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    assert not [text_of(cell) for cell in code if "Error" in text_of(cell)]


def test_the_live_cells_show_what_the_prose_promises(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, notebook = solved

    shown = {cell["id"]: text_of(cell) for cell in notebook["cells"]}
    assert "gpu-node-a" in shown["see-slices"]
    assert "driverVersion" in shown["see-one-slice"]
    assert "allocated,reserved" in shown["first-look"]
    assert "Successfully assigned" in shown["see-allocation"]
    assert "gpu-" in shown["see-allocation"]
    assert "allocated" not in shown["first-look-over"].partition("deleted")[2]
    assert "device.driver == 'gpu.assay.dev'" in shown["see-classes"]
    assert "Pending" in shown["see-pending"]
    assert desk.variant["neighbour"] in shown["see-holders"]


def test_whoever_fills_in_the_notebook_has_done_every_task(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, _ = solved

    results = desk.check()

    assert {result.outcome for result in results.values()} == {Outcome.PASSED}, results


def test_a_deployment_made_again_in_its_best_state_is_not_the_one_to_repair(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, _ = solved
    name, serving = desk.variant["chat"], desk.variant["serving"]
    repaired = desk.get("deployment", name, serving)

    desk.kubectl("delete", "deployment", name, "--namespace", serving)
    metadata = {key: repaired["metadata"][key] for key in ("name", "namespace", "annotations")}
    desk.create({**repaired, "metadata": metadata})
    desk.kubectl("rollout", "status", f"deployment/{name}", "--namespace", serving)

    desk.expect_failed("repair-workload", "was deleted and made again at")


def test_results_made_again_are_not_what_the_job_left(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, _ = solved
    nightly = desk.variant["nightly"]
    results = desk.get("configmap", "results", nightly)

    desk.kubectl("delete", "configmap", "results", "--namespace", nightly)
    desk.create({**results, "metadata": {"name": "results", "namespace": nightly}})

    desk.expect_failed("release-devices", "was deleted and made again at")


def test_two_labs_at_once_do_not_touch_each_other(
    solved: tuple[Desk, dict[str, Any]], open_desk: OpenDesk, provider: EmbeddedProvider
) -> None:
    """Whoever starts late finds the lab untouched, though somebody else has solved it."""
    with open_desk(SLUG, 2) as other:
        results = other.check("claim-devices", "separate-devices")

    assert {result.outcome for result in results.values()} == {Outcome.FAILED}
    assert solved[0].cluster.name in [cluster.name for cluster in provider.list()]
