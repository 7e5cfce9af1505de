"""Each test breaks a good lab in one way and finds exactly that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from graders.authoring import new_lab
from graders.lint import lint_lab


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_lab("ape", "Ape", tmp_path)


@pytest.fixture
def problems(folder: Path) -> Callable[[], list[str]]:
    return lambda: [problem.replace(f"{folder}/", "") for problem in lint_lab(folder)]


Problems = Callable[[], list[str]]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_new_lab_has_no_problems(problems: Problems) -> None:
    assert problems() == []


def test_everything_is_told_at_once(folder: Path, problems: Problems) -> None:
    replace(folder / "lab.yaml", "id: run-replicas", "id: another-task")
    (folder / "notebook.ipynb").unlink()
    (folder / "manifests" / "20-queue.yaml").write_text("kind: {{ nothing }}\n")
    (folder / "solution" / "reference" / "20-repair-workload.sh").unlink()

    found = problems()

    for sentence in [
        "checks/test_tasks.py:16: checks the task 'run-replicas', which lab.yaml lacks",
        "lab.yaml: tasks[0]: another-task: has no check; write one in checks/*.yaml, or "
        "checks/test_*.py with @check('another-task')",
        "notebook.ipynb: cannot be read: No such file or directory",
        "manifests/20-queue.yaml:1: 'nothing' is not a parameter of lab.yaml",
        "solution/reference: has 0 steps NN-repair-workload.sh; must be one",
        "solution/reference/10-run-replicas.sh: must be called NN-<task>.sh, with a task of "
        "lab.yaml",
        "mutants/run-replicas/one-too-few.sh: its folder must be called like a task of lab.yaml",
    ]:
        assert sentence in found


def test_a_broken_lab_file_does_not_hide_broken_scripts(folder: Path, problems: Problems) -> None:
    (folder / "lab.yaml").write_text("slug: ape\nwhat: 1\n")
    (folder / "mutants" / "run-replicas" / "one-too-few.sh").write_text("#!/bin/sh\nif\n")

    found = problems()

    assert "lab.yaml: what: unknown key" in found
    assert "lab.yaml: tasks: is missing" in found
    assert any("one-too-few.sh: is not bash: line 3: syntax error" in p for p in found)


def test_two_checks_for_a_task(folder: Path, problems: Problems) -> None:
    (folder / "checks" / "test_more.py").write_text(
        "import graders\n\n\n@graders.check('run-replicas')\ndef test_again(cluster): ...\n"
    )

    assert problems() == [
        "lab.yaml: tasks[0]: run-replicas: has 2 checks: checks/test_more.py:5, "
        "checks/test_tasks.py:16"
    ]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("def broken(:\n", "checks/test_more.py:1: is not Python: invalid syntax"),
        (
            "from graders import check\nT = 'x'\n\n\n@check(T)\ndef test_it(cluster): ...\n",
            "checks/test_more.py:6: write the task's id as a text: @check('...')",
        ),
        (
            "import kubernetes.client\n",
            "checks/test_more.py:1: imports kubernetes.client; a check may import graders, pytest "
            "and the standard library",
        ),
        ("import json\nfrom baseline import record\n", None),
    ],
)
def test_a_check_is_read_and_never_run(
    folder: Path, problems: Problems, code: str, problem: str | None
) -> None:
    (folder / "checks" / "test_more.py").write_text(f"{code}")

    assert problems() == ([problem] if problem else [])


def test_a_check_that_pytest_would_not_find(folder: Path, problems: Problems) -> None:
    replace(folder / "checks" / "test_tasks.py", "def test_the_replicas_run", "def the_replicas")

    assert (
        "checks/test_tasks.py:16: the_replicas must be called test_..., or it is not found"
        in problems()
    )


def test_a_baseline_without_its_function(folder: Path, problems: Problems) -> None:
    (folder / "checks" / "baseline.py").write_text("def recrod(cluster, variant): ...\n")

    assert problems() == ["checks/baseline.py: has no function record(cluster, variant)"]


def test_an_answer_in_the_notebook(folder: Path, problems: Problems) -> None:
    replace(folder / "notebook.ipynb", "{{ queue }}", "{{ queue }} not in {{ missing_zone }}")

    assert problems() == [
        "notebook.ipynb: cell 6: shows 'missing_zone', which is an answer in lab.yaml",
        "notebook.ipynb: cell 7: shows 'missing_zone', which is an answer in lab.yaml",
    ]


def test_a_task_that_the_notebook_does_not_mention(folder: Path, problems: Problems) -> None:
    replace(folder / "notebook.ipynb", "%check repair-workload", "%check")

    assert problems() == [
        "notebook.ipynb: does not mention the task 'repair-workload', for example as "
        "%check repair-workload"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("not json", "notebook.ipynb:1: is not JSON: Expecting value"),
        ("{}", "notebook.ipynb: nbformat: must be 4; is this a notebook?"),
    ],
)
def test_a_notebook_that_is_not_one(
    folder: Path, problems: Problems, content: str, problem: str
) -> None:
    (folder / "notebook.ipynb").write_text(content)

    assert problem in problems()


def test_a_notebook_against_its_schema(folder: Path, problems: Problems) -> None:
    path = folder / "notebook.ipynb"
    notebook = json.loads(path.read_text())
    del notebook["cells"][1]["outputs"]
    notebook["cells"][2]["id"] = "a b"
    path.write_text(json.dumps(notebook))

    assert problems() == [
        "notebook.ipynb: cells[1]: 'outputs' is a required property",
        "notebook.ipynb: cells[2].id: 'a b' does not match '^[a-zA-Z0-9-_]+$'",
    ]


def test_a_manifest_that_renders_only_for_some_seeds(folder: Path, problems: Problems) -> None:
    (folder / "inventory.yaml").write_text(
        "nodes: [{name: 'node-{{ replicas if replicas < 4 else \"UPPER\" }}'}]\n"
    )

    assert problems()[0].startswith("inventory.yaml: nodes[0].name: 'node-UPPER'")


def test_a_parameter_that_nothing_uses(folder: Path, problems: Problems) -> None:
    replace(folder / "lab.yaml", "  space:", "  idle: {word: idle}\n  space:")

    assert problems() == ["lab.yaml: parameters.idle: is used nowhere"]


def test_files_that_nothing_reads(folder: Path, problems: Problems) -> None:
    (folder / "manifests" / "30-late.yml").write_text("")
    (folder / "manifest").mkdir()
    (folder / "solution" / "step.sh").write_text("")
    (folder / "checks" / "__pycache__").mkdir()
    (folder / "checks" / "__pycache__" / "x.pyc").write_text("")

    assert problems() == [
        "manifest: is no part of a lab; it may hold lab.yaml, notebook.ipynb, inventory.yaml, "
        "README.md, report-card.json, manifests, checks, solution, mutants",
        "manifests/30-late.yml: is not read; only manifests/*.yaml is",
        "solution/step.sh: is not read; only solution/*/*.sh is",
    ]


def test_scripts_must_be_executable_bash(folder: Path, problems: Problems) -> None:
    step = folder / "solution" / "reference" / "10-run-replicas.sh"
    step.chmod(0o644)
    step.write_text("kubectl get 'pods\n")

    found = problems()

    assert found[0] == "solution/reference/10-run-replicas.sh: is not executable: chmod +x"
    assert (
        found[1] == "solution/reference/10-run-replicas.sh:1: must begin with #!/usr/bin/env bash"
    )
    assert found[2].startswith("solution/reference/10-run-replicas.sh: is not bash: line 1: ")


def test_a_task_without_a_mutant(folder: Path, problems: Problems) -> None:
    (folder / "mutants" / "repair-workload" / "replaced.sh").unlink()

    assert problems() == [
        "mutants/repair-workload: has no mutant; write <what>.sh, a wrong step that must make "
        "exactly this task fail"
    ]


def test_an_alternative_may_take_steps_of_the_reference(folder: Path, problems: Problems) -> None:
    other = folder / "solution" / "other"
    other.mkdir()
    assert problems() == ["solution/other: holds no step; write NN-<task>.sh for each task"]

    reference = folder / "solution" / "reference" / "10-run-replicas.sh"
    step = other / reference.name
    step.write_text(reference.read_text())
    step.chmod(0o755)
    assert problems() == []
    (other / "11-run-replicas.sh").write_text(reference.read_text())
    (other / "11-run-replicas.sh").chmod(0o755)
    assert problems() == ["solution/other: has 2 steps NN-run-replicas.sh; must be one"]


def test_a_folder_that_is_no_lab(tmp_path: Path) -> None:
    assert lint_lab(tmp_path) == [
        f"{tmp_path / 'lab.yaml'}: cannot be read: No such file or directory"
    ]
