"""The baseline: recorded in a process of its own, and never of nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.provider import Cluster
from graders import baseline
from graders.baseline import record_baseline
from graders.errors import GradingError
from graders.lab import Lab
from graders.variant import draw_variant

pytestmark = pytest.mark.cluster

Record = Callable[[str], dict[str, object]]


@pytest.fixture
def record(write_lab: Callable[..., Lab], graded_cluster: Cluster) -> Record:
    """Record the baseline of a lab whose `checks/baseline.py` is given."""

    def run(source: str) -> dict[str, object]:
        lab = write_lab("", files={"baseline.py": textwrap.dedent(source)}, task=5)
        variant = draw_variant(lab.document.parameters, 7)
        return record_baseline(lab, variant, graded_cluster)

    return run


def test_what_the_lab_records_comes_back(record: Record, graded_cluster: Cluster) -> None:
    recorded = record(
        """
        def record(cluster, variant):
            return {"uid": cluster.uid, "count": variant["count"], "none": 0}
        """
    )

    assert recorded == {"uid": graded_cluster.uid, "count": 3, "none": 0}


def test_a_lab_without_one_records_nothing(
    write_lab: Callable[..., Lab], graded_cluster: Cluster
) -> None:
    lab = write_lab("", task=5)

    assert record_baseline(lab, draw_variant({}, 7), graded_cluster) == {}


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def record(cluster, variant): return {}", "that is not empty"),
        ("def record(cluster, variant): return None", "that is not empty"),
        (
            "def record(c, v): return {'pods': c.list('Pod', 'none'), 'uid': ''}",
            "record() found nothing for pods, uid",
        ),
        ("def record(cluster, variant): return {'a': {1, 2}}", "plain JSON values"),
        (
            "def record(c, v): return c.get('Pod', 'trainer', 'lab')",
            "There is no Pod lab/trainer",
        ),
        ("def record(c, v): return {}['uid']", "KeyError: 'uid'"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("x = 1", "has no attribute 'record'"),
        ("def record(c, v): open('baseline.json', 'w')", "changed files"),
        ("import os\ndef record(c, v): os._exit(0)", "ended its grader"),
        ("def record(c, v): raise SystemExit", "baseline.py: SystemExit"),
        ("raise SystemExit", "baseline.py: SystemExit"),
        ("import time\ndef record(c, v): time.sleep(1000)", "did not end within 1 s"),
    ],
)
def test_one_that_cannot_be_recorded_is_refused_with_a_sentence(
    record: Record, monkeypatch: pytest.MonkeyPatch, source: str, sentence: str
) -> None:
    if "sleep" in source:
        monkeypatch.setattr(baseline, "SECONDS", 1)

    with pytest.raises(GradingError) as error:
        record(source)

    assert str(error.value).startswith("The baseline could not be recorded: ")
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cluster_that_is_gone_is_said_in_a_sentence(
    write_lab: Callable[..., Lab], graded_cluster: Cluster, tmp_path: Path
) -> None:
    lab = write_lab("", files={"baseline.py": "def record(c, v): return {'a': 1}"}, task=5)
    gone = replace(graded_cluster, grader_kubeconfig=tmp_path / "gone")

    with pytest.raises(GradingError, match="The cluster is gone"):
        record_baseline(lab, draw_variant({}, 7), gone)
