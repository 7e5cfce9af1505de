"""nbgrader's own example and odd assignments become labs that lint, or say why not."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbgrader
import pytest
from click.testing import CliRunner

from clusters.errors import InputInvalid
from graders.cli.lab import lab as lab_command
from graders.formative.cells import CellKind, formative_cells
from graders.formative.proof import formative_surprises
from graders.formative.validation import validate
from graders.importing import ImportedLab, import_assignment
from graders.importing.cells import literal, prepares
from graders.importing.nbgrader import slug_of
from graders.lab import Lab, load_lab
from graders.lint import lint_lab
from graders.rendering import render_notebook, render_notebook_source
from graders.variant import draw_variant

if TYPE_CHECKING:
    from tests.graders.formative.conftest import Cells

EXAMPLES = Path(nbgrader.__file__).parent / "docs/source/user_guide/source"

TOTAL = """
def total():
    ### BEGIN SOLUTION
    return f"{{{len(open('data/n.txt').read())}}}"
    ### END SOLUTION
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> ImportedLab:
    return import_assignment(EXAMPLES / "ps1", tmp_path_factory.mktemp("labs"))


def cells_of(lab: Lab, source: bool = True) -> list[dict[str, Any]]:
    render = render_notebook_source if source else render_notebook
    cells: list[dict[str, Any]] = render(lab, draw_variant(lab.document.parameters, 1))["cells"]
    return cells


def assignment(folder: Path, notebook: dict[str, Any], name: str = "problem") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
    return folder


def test_the_example_of_nbgrader_becomes_a_lab_that_lints(example: ImportedLab) -> None:
    assert lint_lab(example.folder) == []
    assert (example.folder.name, load_lab(example.folder).title) == ("ps1", "Ps1")


def test_every_solution_of_the_example_earns_its_points_and_nothing_does_without(
    example: ImportedLab,
) -> None:
    assert formative_surprises(load_lab(example.folder), seed=1) == []


def test_tests_and_points_stay_what_they_were(example: ImportedLab) -> None:
    found = list(formative_cells({"cells": cells_of(load_lab(example.folder))}))

    points = {cell.id: cell.points for cell in found if cell.kind is CellKind.TESTS}
    assert points == {
        "correct_squares": 1,
        "squares_invalid_input": 1,
        "correct_sum_of_squares": 0.5,
        "sum_of_squares_uses_squares": 0.5,
    }


def test_what_a_person_would_grade_is_kept_without_the_answer(example: ImportedLab) -> None:
    source = "\n".join(cell["source"] for cell in cells_of(load_lab(example.folder)))
    released = "\n".join(cell["source"] for cell in cells_of(load_lab(example.folder), False))

    assert "fibonnaci" not in source
    assert "State the formulae" in source
    assert "return sum_of_squares(n)" in source
    assert "return sum_of_squares(n)" not in released
    assert "part-a: was graded by a person; now it is text without points" in example.notes


def test_an_image_comes_along(example: ImportedLab) -> None:
    [cell] = [cell for cell in cells_of(load_lab(example.folder)) if "attachments" in cell]

    picture = (EXAMPLES / "ps1" / "jupyter.png").read_bytes()
    assert base64.b64decode(cell["attachments"]["jupyter.png"]["image/png"]) == picture
    assert "(attachment:jupyter.png)" in cell["source"]


def test_files_braces_magics_and_set_up_cells_survive(tmp_path: Path, cells: Cells) -> None:
    folder = assignment(
        tmp_path / "Data Work!",
        cells.notebook(
            cells.text("# Braces\n\n$x_{{i}}$ and {% no tag %}"),
            cells.code("import json\nLIMITS = {'a': {'b': 1}}"),
            cells.solution("total", f"%matplotlib inline\n{TOTAL}"),
            cells.code("total()"),
            cells.tests("total tests", "assert total() == '{4}' and LIMITS['a']['b'] == 1", 0),
        ),
    )
    (folder / "data").mkdir()
    (folder / "data" / "n.txt").write_text("{{ 5")
    (folder / "blob.bin").write_bytes(b"\xff\x00")

    imported = import_assignment(folder, tmp_path / "labs")
    lab = load_lab(imported.folder)

    assert (lab.slug, lab.title) == ("data-work", "Braces")
    assert lint_lab(lab.folder) == []
    [found], broken = validate({**cells.notebook(), "cells": cells_of(lab)})
    assert (found.passed, broken) == (True, {})
    kinds = {cell.id: cell.kind for cell in formative_cells({"cells": cells_of(lab)})}
    assert list(kinds.values()) == ["given", "given", "solution", "tests"]
    assert set(imported.notes) == {
        "total: lines for IPython are comments now; these cells are plain Python",
        "total tests: was worth no points, is worth 1",
        "total tests: is called total-tests now",
    }


def test_two_notebooks_with_cells_of_one_name_can_be_joined(tmp_path: Path, cells: Cells) -> None:
    for name in ("first", "second"):
        assignment(tmp_path / "both", cells.small(), name)

    imported = import_assignment(tmp_path / "both", tmp_path / "labs", "both", "Both")

    assert lint_lab(imported.folder) == []
    ids = [c.id for c in formative_cells({"cells": cells_of(load_lab(imported.folder))})]
    assert ids == ["double", "double-tests", "second-double", "second-double-tests"]


def test_everything_that_keeps_it_from_being_a_lab_is_told_at_once(
    tmp_path: Path, cells: Cells
) -> None:
    folder = tmp_path / "bad"
    r_notebook = cells.small()
    r_notebook["metadata"]["kernelspec"]["language"] = "R"
    assignment(folder, r_notebook, "in-r")
    assignment(folder, cells.notebook(cells.tests("t", "### AUTOTEST f(1)")), "auto")
    (folder / "torn.ipynb").write_text("{")
    (folder / "large.csv").write_bytes(bytes(300 << 10))

    with pytest.raises(InputInvalid) as caught:
        import_assignment(folder, tmp_path / "labs")

    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    for part in ("written in r; formative", "AUTOTEST lines", "torn.ipynb: is not", "300 KiB"):
        assert part in told
    assert not (tmp_path / "labs").exists()


def test_an_older_format_is_brought_up_to_date(tmp_path: Path, cells: Cells) -> None:
    notebook = cells.small()
    for cell in notebook["cells"][1:]:
        del cell["metadata"]["nbgrader"]["schema_version"]
        del cell["metadata"]["nbgrader"]["task"]
        cell["metadata"]["nbgrader"]["checksum"] = "0" * 32

    imported = import_assignment(assignment(tmp_path / "old", notebook), tmp_path / "labs")

    assert lint_lab(imported.folder) == []


def test_a_link_out_of_the_assignment_is_not_followed(tmp_path: Path, cells: Cells) -> None:
    folder = assignment(tmp_path / "ps", cells.small())
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "data.txt").symlink_to(tmp_path / "secret.txt")

    imported = import_assignment(folder, tmp_path / "labs")

    assert "secret" not in (imported.folder / "notebook.ipynb").read_text()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import math", True),
        ("x = 3\ndef f(): return x", True),
        ("x = mine()", False),
        ("print(1)", False),
        ("", False),
        ("%pip install x", False),
    ],
)
def test_only_cells_that_prepare_are_run_before_the_tests(source: str, expected: bool) -> None:
    assert prepares(source, {"mine"}) is expected


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("ps1", "ps1"),
        ("Problem Set 1", "problem-set-1"),
        ("01_intro", "lab-01-intro"),
        ("ü", "lab"),
    ],
)
def test_a_folder_lends_its_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_braces_mean_themselves() -> None:
    assert literal("{{ a }} {% b %} {# c #} { d }") == (
        "{{ '{{' }} a }} {{ '{%' }} b %} {{ '{#' }} c #} { d }"
    )


def test_the_command_tells_what_it_made_and_what_is_different(tmp_path: Path) -> None:
    (tmp_path / "prose").mkdir()
    shutil.copy(EXAMPLES / "ps1" / "problem2.ipynb", tmp_path / "prose")
    arguments = ["import", "nbgrader", str(tmp_path / "prose"), "--to", str(tmp_path / "labs")]
    arguments.append("--json")

    done = CliRunner().invoke(lab_command, arguments, standalone_mode=False)
    again = CliRunner().invoke(lab_command, arguments, standalone_mode=False)

    document = json.loads(done.stdout)
    assert (done.return_value, document["true"], document["problems"]) == (0, True, [])
    assert document["lab"] == "prose"
    assert document["notes"][-1] == "no cell is graded by tests; the notebook is text only"
    assert isinstance(again.exception, InputInvalid)
