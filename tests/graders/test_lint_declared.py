"""Each test breaks a declarative check in one way and finds exactly that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from graders.authoring import new_lab
from graders.lint import lint_lab, lint_warnings

HEAD = "apiVersion: assay.dev/v1\nkind: Check\ntask: run-replicas\nrequire:\n"
GOOD = """\
  - expect:
      kind: Deployment
      name: "{{ web }}"
      namespace: "{{ space }}"
      matches: {spec: {replicas: "{{ replicas }}"}}
  - cel:
      objects: {pods: {kind: Pod, namespace: "{{ space }}", alive: true}}
      expression: size(pods) >= params.replicas
      found: string(size(pods))
    message: There are too few Pods
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = new_lab("ape", "Ape", tmp_path)
    tests = folder / "checks" / "test_tasks.py"
    tests.write_text(tests.read_text().replace('@check("run-replicas")\n', ""))
    (folder / "checks" / "run.yaml").write_text(HEAD + GOOD)
    return folder


Problems = Callable[[str], list[str]]


@pytest.fixture
def problems(folder: Path) -> Problems:
    def problems(require: str) -> list[str]:
        (folder / "checks" / "run.yaml").write_text(HEAD + require)
        return [p.replace(f"{folder}/checks/run.yaml: ", "") for p in lint_lab(folder)]

    return problems


def test_a_good_one_has_no_problems_and_its_parameters_are_used(folder: Path) -> None:
    document = yaml.safe_load((folder / "lab.yaml").read_text())
    document["parameters"]["more"] = {"integer": [1, 2]}
    (folder / "lab.yaml").write_text(yaml.safe_dump(document))
    check = (HEAD + GOOD).replace("params.replicas", "params.replicas + params.more")
    (folder / "checks" / "run.yaml").write_text(check)

    assert lint_lab(folder) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("kind: Deployment", "kinds: Deployment", "document 1: require[0].expect.kind: is missing"),
        (
            "{{ web }}",
            "{{ wob }}",
            "document 1: require[0].expect.name:1: 'wob' is not a parameter",
        ),
        ("{{ web }}", "{{ web", "document 1: require[0].expect.name:1: unexpected end"),
        (
            "{replicas:",
            "{$replicas:",
            "require[0].expect.matches: spec.$replicas: is no",
        ),
        ("size(pods) >=", "size(pods) +", "require[1].cel.expression: gives INT, not BOOL"),
        ("params.replicas", "params.wob > 0 || true", "'wob' is not a parameter of lab.yaml"),
        ("size(pods) >=", "size(pod) >=", "require[1].cel.expression: 1:6: undeclared reference"),
        ("found: string(size(pods))", "found: size(pods)", "cel.found: gives INT, not STRING"),
        ("    message: There are too few Pods\n", "", "message: is missing"),
        ("message: There are too few", "message: In {{ missing_zone }}", "is an answer"),
        ("matches: {", "every: {", "every, any, none and count are for sets"),
    ],
)
def test_a_mistake_is_told(problems: Problems, old: str, new: str, problem: str) -> None:
    assert old in GOOD

    found = problems(GOOD.replace(old, new))

    assert any(problem in sentence for sentence in found), found


def test_traffic_needs_a_network(problems: Problems) -> None:
    (problem,) = problems(GOOD + "  - http: {service: a, namespace: b, port: 80}\n")

    assert problem == "document 1: require[2].http: needs the capability networking in lab.yaml"


def test_yaml_that_is_none_and_tasks_that_are_none_are_told(folder: Path) -> None:
    (folder / "checks" / "run.yaml").write_text("task: {{ web }}\n")
    (folder / "checks" / "other.yaml").write_text("task: another\n---\n- 1\n")

    found = [p.replace(f"{folder}/", "") for p in lint_lab(folder)]

    assert any(p.startswith("checks/run.yaml:1: is not YAML") and "in quotes" in p for p in found)
    assert "checks/other.yaml: document 2: task: is missing" in found
    assert "lab.yaml: tasks[0]: run-replicas: has no check" in " ".join(found)


def test_few_variants_are_a_warning(folder: Path) -> None:
    document = yaml.safe_load((folder / "lab.yaml").read_text())

    assert [w.replace(f"{folder}/", "") for w in lint_warnings(folder)] == []

    document["parameters"] = {
        name: {"choice": [f"{name}-a", f"{name}-b"], "answer": name == "missing_zone"}
        for name in document["parameters"]
    }
    (folder / "lab.yaml").write_text(yaml.safe_dump(document))

    assert [w.replace(f"{folder}/", "") for w in lint_warnings(folder)] == [
        "lab.yaml: parameters: give only about 32 variants; a `word` for each name makes solutions "
        "that are passed on useless",
        "lab.yaml: parameters: give only about 2 variants of the answers; 20 are the least",
    ]


def test_an_answer_that_the_notebook_spells_out_is_a_warning(folder: Path) -> None:
    document = yaml.safe_load((folder / "lab.yaml").read_text())
    zones = {"choice": ["central", "coastal", "alpine"], "answer": True}
    document["parameters"]["missing_zone"] = zones
    (folder / "lab.yaml").write_text(yaml.safe_dump(document))
    notebook = folder / "notebook.ipynb"
    notebook.write_text(notebook.read_text().replace("Pending", "Pending in the coastal zone"))

    assert any("shows values of 'missing_zone'" in w for w in lint_warnings(folder))


def test_what_everybody_can_read_must_not_tell_an_answer(folder: Path) -> None:
    space = folder / "manifests" / "10-space.yaml"
    space.write_text(space.read_text() + "  zone: {{ missing_zone }}\n")

    assert [p.replace(f"{folder}/", "") for p in lint_lab(folder)] == [
        "manifests: ConfigMap assay-system/lab: tells everybody an answer"
    ]
