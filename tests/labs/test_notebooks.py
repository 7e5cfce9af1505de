"""Every notebook that needs no more than scheduling: played to its end, then graded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from clusters.capability import Capability
from graders.catalogue import all_labs
from graders.lab import Lab
from graders.report import Outcome
from tests.labs.notebook_run import run_notebook, text_of

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

pytestmark = pytest.mark.cluster

ELSEWHERE = {"dra-01-claim-a-gpu"}
"""Played by tests of their own."""
PLAYED = [
    lab.slug
    for lab in all_labs()
    if isinstance(lab, Lab)
    and set(lab.document.capabilities) == {Capability.SCHEDULING}
    and lab.slug not in ELSEWHERE
]
PROMISES = {
    "dra-02-choose-and-share": {
        "see-attributes": "island",
        "see-the-error": "CEL runtime error: no such key: island",
        "see-parts": "card-1-quarter-3",
        "see-holders": "card-0-quarter-0",
        "see-shares": '"allowMultipleAllocations": true',
        "see-legacy": "Pending",
        "see-made-claims": "allocated,reserved",
        "see-pending": "matchAttribute",
    },
    "dra-03-taint-and-drain": {
        "see-taints": "oam.assay.dev/fan=failed:None",
        "see-preview": "1 pod would be evicted in 1 namespace",
        "see-drained": "1 pod evicted since",
        "see-pending": "Pending",
    },
    "dra-04-tenancy": {
        "see-can-i": "list deviceclasses.resource.k8s.io: no",
        "see-claimed": "premium.assay.dev",
        "see-labels": "resource.kubernetes.io/admin-access=true",
        "see-policy": "At most 20 characters in all.",
        "see-trail": "delete",
        "see-forbidden": "forbidden",
    },
}
"""By lab and cell, what a live cell shows because the prose promises it."""


@pytest.fixture(scope="module", params=PLAYED)
def solved(
    request: pytest.FixtureRequest, open_desk: OpenDesk
) -> Iterator[tuple[Desk, dict[str, Any]]]:
    """A desk at which the notebook ran with the solution in its cells, and that notebook."""
    with open_desk(request.param, 2) as desk:
        yield desk, run_notebook(desk)


def test_every_cell_of_the_notebook_runs(solved: tuple[Desk, dict[str, Any]]) -> None:
    _, notebook = solved

    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)


def test_the_live_cells_show_what_the_prose_promises(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, notebook = solved

    shown = {cell["id"]: text_of(cell) for cell in notebook["cells"]}
    promises = PROMISES[desk.lab.slug]
    assert {cell: shown[cell] for cell, words in promises.items() if words not in shown[cell]} == {}


def test_whoever_fills_in_the_notebook_has_done_every_task(
    solved: tuple[Desk, dict[str, Any]],
) -> None:
    desk, _ = solved

    results = desk.check()

    assert {result.outcome for result in results.values()} == {Outcome.PASSED}, results
