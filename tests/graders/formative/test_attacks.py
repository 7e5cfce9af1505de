"""What a learner's cell could do under nbgrader alone, and gains nothing from here.

Each attack is first run without rooms, to see that it would have worked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from graders.authoring import new_lab
from graders.formative.grading import autograde
from graders.formative.report import FormativeReport
from graders.lab import Lab, load_lab
from graders.ledger import Attempt, AttemptState
from graders.report import Outcome

if TYPE_CHECKING:
    from tests.graders.formative.conftest import Cell, Cells

SECRET = "fifty-two-known-only-to-the-author"
READ = """
import pathlib
def look():
    seen = []
    for place in PLACES:
        for path in [*pathlib.Path(place).parent.glob(pathlib.Path(place).name)]:
            try:
                seen.append(path.read_bytes().decode(errors='replace'))
            except OSError:
                pass
    return seen
"""
SOLUTIONS = READ + "def secret(): return 'SEC' if any('SEC' in t for t in look()) else ''"
SUBMISSIONS = READ + "def others(): return [t for t in look() if 'answer of' in t]"
GRADES = """
import glob, sqlite3
written = []
for path in [p for place in PLACES for p in glob.glob(place)]:
    try:
        with sqlite3.connect(path) as gradebook:
            gradebook.execute("UPDATE grade SET auto_score = 66, max_score = 66")
        written.append(path)
    except sqlite3.Error:
        pass
"""
EQUALITY = "class A:\n    __eq__ = lambda *a: True\nanswer = A()"
HONEST = "def double(x): return 2 * x"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, cells: Cells) -> Lab:
    """A lab with an exercise for each attack and an honest one."""
    folder = new_lab("ape", "Ape", tmp_path_factory.mktemp("labs"))
    exercises = {
        "secret": f"assert secret() == '{SECRET}'",
        "others": "assert others() != []",
        "grades": "assert written != []",
        "equality": "assert answer == 42",
        "double": cells.TESTS,
    }
    path = folder / "notebook.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"] += cells.notebook(*_cells(cells, exercises))["cells"]
    path.write_text(json.dumps(notebook))
    return load_lab(folder)


def _cells(cells: Cells, exercises: Mapping[str, str]) -> Iterator[Cell]:
    for id, tests in exercises.items():
        yield cells.solution(id)
        hidden = f"### BEGIN HIDDEN TESTS\n{tests}\n### END HIDDEN TESTS"
        yield cells.tests(f"{id}-tests", tests if id == "double" else hidden)


@pytest.fixture(scope="module")
def attempt() -> Attempt:
    return Attempt(
        id="0" * 32,
        learner="mallory",
        lab="ape",
        lab_version="1.0.0",
        seed=7,
        state=AttemptState.OPEN,
        provider="embedded",
        cluster="ape-00000000",
        assurance="practice",
        started_at="2030-01-01T00:00:00Z",
        deadline_at="2030-01-01T01:00:00Z",
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where gradings of this module have their folders."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def targets(
    lab: Lab, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """The files that each attack is after: those of nbgrader, of this grading and of the lab."""
    course = tmp_path_factory.mktemp("course")
    for learner in ("ann", "bob"):
        (course / f"{learner}.py").write_text(f"answer of {learner}")
    subprocess.run(
        [sys.executable, "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("
         "'CREATE TABLE grade (auto_score, max_score)')", str(course / "gradebook.db")],
        check=True,
    )  # fmt: skip
    relative = ["../worker", "..", ".", f"{place}/assay-formative-*/worker"]
    return {
        "secret": [
            str(lab.folder / "*.ipynb"),
            *(f"{p}/{kind}/**/*.ipynb" for p in relative for kind in ("source", "autograded")),
            "/proc/[0-9]*/environ",
            "/proc/[0-9]*/mem",
        ],
        "others": [str(course / "*.py"), *(f"{p}/submitted/**/*.ipynb" for p in relative)],
        "grades": [str(course / "gradebook.db"), *(f"{p}/gradebook.db" for p in relative)],
    }


@pytest.fixture(scope="module")
def attacks(targets: dict[str, list[str]]) -> dict[str, str]:
    sources = {"secret": SOLUTIONS, "others": SUBMISSIONS, "grades": GRADES}
    aimed = {
        id: f"PLACES = {targets[id]!r}\n{source.replace('SEC', SECRET)}"
        for id, source in sources.items()
    }
    return {**aimed, "equality": EQUALITY, "double": HONEST}


@pytest.fixture(scope="module")
def report(lab: Lab, attempt: Attempt, attacks: dict[str, str], place: Path) -> FormativeReport:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        return autograde(lab, attempt, attacks)


@pytest.mark.parametrize(
    ("id", "works"),
    [
        ("secret", f"assert secret() == '{SECRET}'"),
        ("others", "assert len(others()) == 2"),
        ("grades", "assert len(written) == 1"),
        ("equality", "assert answer == 42"),
    ],
)
def test_without_rooms_the_attack_works(attacks: dict[str, str], id: str, works: str) -> None:
    files_only = attacks[id].replace("/proc/", "/no/")

    subprocess.run([sys.executable, "-c", f"{files_only}\n{works}"], check=True)


@pytest.mark.parametrize(
    "id",
    [
        pytest.param("secret", id="reading solutions and hidden tests"),
        pytest.param("others", id="listing what others handed in"),
        pytest.param("grades", id="rewriting the gradebook"),
        pytest.param("equality", id="an object that equals everything"),
    ],
)
def test_in_rooms_the_attack_earns_nothing(report: FormativeReport, id: str) -> None:
    result = next(r for r in report.results if r.cell == f"{id}-tests")

    assert (result.outcome, result.points, result.max_points) == (Outcome.FAILED, 0, 2)
    assert result.message == "the tests that you can see pass, a hidden one does not"


def test_the_honest_answer_beside_the_attacks_earns_its_points(report: FormativeReport) -> None:
    assert [(r.cell, r.points) for r in report.results if r.points] == [("double-tests", 2)]
    assert (report.points, report.max_points) == (2, 10)


def test_the_report_names_what_was_graded_and_no_secret(
    report: FormativeReport, attempt: Attempt
) -> None:
    assert (report.lab, report.attempt, report.learner) == ("ape", attempt.id, "mallory")
    assert SECRET not in report.canonical()
    assert report.answers.startswith("sha256:")
    assert set(report.versions) == {"assay", "nbgrader"}


def test_nothing_of_a_grading_is_left(report: FormativeReport, place: Path) -> None:
    assert report.results
    assert list(place.iterdir()) == []
