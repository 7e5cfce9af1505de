"""What is derived from a step, and how it is done wrongly; without a cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusters.errors import InputInvalid
from graders.authoring import new_lab
from graders.lab import Lab, load_lab
from graders.rehearsal.mutation.equivalents import Equivalents, read_equivalents
from graders.rehearsal.mutation.fields import REMOVED, made_wrong, named, wrong_ways
from graders.rehearsal.mutation.mutant import GeneratedMutant, Operator
from graders.rehearsal.mutation.writes import Request, Target, Verb, Write

POD = "/api/v1/namespaces/team/pods"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return load_lab(new_lab("ape", "Ape", tmp_path))


def ways(document: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place, how in wrong_ways(document):
        found.setdefault(named(place), []).append(how)
    return found


def request(method: str, path: str, query: str = "", kind: str = "application/json") -> Request:
    return Request(method, path, query, {"content-type": kind, "Content-Length": "2"}, b"{}")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (POD, Target("api/v1", "pods", "team")),
        (f"{POD}/a", Target("api/v1", "pods", "team", "a")),
        (f"{POD}/a/status", Target("api/v1", "pods", "team", "a", "status")),
        ("/api/v1/nodes/n", Target("api/v1", "nodes", "", "n")),
        ("/api/v1/namespaces/team", Target("api/v1", "namespaces", "", "team")),
        (
            "/api/v1/namespaces/team/finalize",
            Target("api/v1", "namespaces", "", "team", "finalize"),
        ),
        (
            "/apis/apps/v1/namespaces/team/deployments/web/scale",
            Target("apis/apps/v1", "deployments", "team", "web", "scale"),
        ),
    ],
)
def test_a_path_of_the_api_is_read_and_written(path: str, target: Target) -> None:
    assert Target.of_path(path) == target
    assert target.path == path


@pytest.mark.parametrize("path", ["/", "/version", "/openapi/v3", "/api", "/api/v1", "/apis/apps"])
def test_other_paths_are_no_objects(path: str) -> None:
    assert Target.of_path(path) is None


@pytest.mark.parametrize(
    ("asked", "verb"),
    [
        (request("POST", POD), Verb.CREATE),
        (request("PUT", f"{POD}/a"), Verb.REPLACE),
        (request("PATCH", f"{POD}/a"), Verb.PATCH),
        (request("PATCH", f"{POD}/a", kind="application/apply-patch+yaml"), Verb.APPLY),
        (request("DELETE", f"{POD}/a"), Verb.DELETE),
        (request("GET", POD), None),
        (request("POST", POD, "fieldManager=k&dryRun=All"), None),
        (request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), None),
        (request("POST", "/api/v1/namespaces/team/events"), None),
        (request("POST", "/anything"), None),
    ],
)
def test_only_what_changes_the_cluster_is_a_write(asked: Request, verb: Verb | None) -> None:
    assert asked.verb is verb


def test_a_write_is_called_the_same_whatever_the_names_of_a_variant_are() -> None:
    labels = [
        Write(Verb.CREATE, Target("api/v1", "pods", "team-xyz", name), number).label
        for name, number in [("a", 1), ("b", 2)]
    ]

    assert labels == ["create pods", "create pods#2"]


def test_a_trial_asks_the_same_and_stores_nothing() -> None:
    assert request("POST", POD).tried().url == f"{POD}?dryRun=All"
    assert request("POST", POD, "a=b").tried().url == f"{POD}?a=b&dryRun=All"


@pytest.mark.parametrize(
    ("kind", "sent_as"),
    [
        ("application/json", "application/json"),
        ("application/strategic-merge-patch+json", "application/strategic-merge-patch+json"),
        ("application/apply-patch+yaml", "application/apply-patch+yaml"),
        ("application/vnd.kubernetes.protobuf", "application/json"),
    ],
)
def test_another_document_is_sent_in_a_form_that_it_has(kind: str, sent_as: str) -> None:
    changed = request("POST", POD, kind=kind).with_document({"a": 1})

    assert json.loads(changed.content) == {"a": 1}
    assert changed.media_type == sent_as
    assert "content-length" not in {name.lower() for name in changed.headers}


def test_a_trial_of_a_deletion_says_so_in_its_options() -> None:
    asked = replace(request("DELETE", f"{POD}/a"), content=b'{"propagationPolicy": "Background"}')

    tried = asked.tried()

    assert json.loads(tried.content) == {"propagationPolicy": "Background", "dryRun": ["All"]}
    assert replace(asked, content=b"").tried().query == "dryRun=All"


def test_every_field_that_counts_can_be_wrong() -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "annotations": {"x": "y"}, "labels": {"app": "a"}},
        "spec": {"on": True, "count": 2, "none": 0, "size": "48Gi", "parts": [{"name": "p"}]},
        "status": {"phase": "Running"},
    }

    assert ways(document) == {
        "metadata.labels.app": [REMOVED, "other"],
        "spec": [REMOVED],
        "spec.on": [REMOVED, "not"],
        "spec.count": [REMOVED, "less", "more"],
        "spec.none": [REMOVED, "more"],
        "spec.size": [REMOVED, "less", "more"],
        "spec.parts": [REMOVED],
        "spec.parts[0].name": [REMOVED, "other"],
    }


def test_of_several_parts_each_can_be_left_out() -> None:
    assert ways({"parts": ["a", "b"]}) == {
        "parts": [REMOVED],
        "parts[0]": [REMOVED, "other"],
        "parts[1]": [REMOVED, "other"],
    }


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("a >= 3 && b == 'x-1'", ["a > 3 && b == 'x-1'", "a >= 3 || b == 'x-1'"]),
        ("quantity('48Gi') >= 0", ["quantity('47Gi') >= 0", "quantity('49Gi') >= 0"]),
        ("v.compareTo(semver('565.57.1')) < 0", ["v.compareTo(semver('565.57.0')) < 0"]),
        ("8", ["7", "9"]),
        ("1.5", ["1.4", "1.6"]),
        ("0", ["1"]),
        ("", ["other"]),
        ("web", ["web-other"]),
        (2.5, [1.5, 3.5]),
        (False, [True]),
    ],
)
def test_a_value_is_made_wrong_in_kind(value: Any, wrong: list[Any]) -> None:
    found = [made_wrong({"k": value}, place, how) for place, how in wrong_ways({"k": value})]

    assert {} in found, "left out"
    assert all({"k": one} in found for one in wrong)
    assert {"k": value} not in found


def test_a_field_that_is_not_there_cannot_be_wrong() -> None:
    for place, how in [(("b",), REMOVED), (("a", "b"), REMOVED), (("a",), "more"), ((0,), "not")]:
        with pytest.raises(LookupError):
            made_wrong({"a": "text"}, place, how)


def test_making_it_wrong_leaves_the_right_one_alone() -> None:
    document = {"a": [{"b": 1}]}

    assert made_wrong(document, ("a", 0, "b"), "more") == {"a": [{"b": 2}]}
    assert document == {"a": [{"b": 1}]}


def test_the_name_of_a_mutant_says_what_is_wrong() -> None:
    place = ("spec", "containers", 0, "resources", "limits", "example.com/gpu")
    mutant = GeneratedMutant("one", Operator.CHANGE, "create pods#2", place, "less")

    assert mutant.name == (
        "one/change create pods#2 spec.containers[0].resources.limits[example.com/gpu] less"
    )
    assert GeneratedMutant("one", Operator.UNDO).name == "one/undo"


def test_an_author_declares_equivalents_by_name_or_pattern() -> None:
    declared = Equivalents({"one/change * spec.containers[*].image *": "any image", "*/late": "x"})

    assert declared.reason("one/change create pods spec.containers[0].image other") == "any image"
    assert declared.reason("two/change create pods spec.containers[0].image other") == ""
    assert declared.unused(["one/change a spec.containers[1].image b"]) == ["*/late"]


def test_equivalents_are_read_from_beside_the_mutants(lab: Lab) -> None:
    path = lab.folder / "mutants" / "equivalent.yaml"
    path.unlink(missing_ok=True)
    assert read_equivalents(lab) == Equivalents()

    path.write_text("# none yet\n")
    assert read_equivalents(lab) == Equivalents()

    path.write_text("run-replicas/change * image *: Any image will do.\n")
    assert read_equivalents(lab).reason("run-replicas/change x image y") == "Any image will do."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a]", "must map names of generated mutants to reasons"),
        ("{", "is not YAML"),
        ("run-replicas/x: ''", "run-replicas/x: needs a reason"),
        ("nonsense/x: why", "nonsense/x: must begin with a task of lab.yaml"),
        ("run-replicas: why", "run-replicas: must begin with a task of lab.yaml"),
    ],
)
def test_what_is_wrong_with_the_declarations_is_told(lab: Lab, text: str, problem: str) -> None:
    (lab.folder / "mutants" / "equivalent.yaml").write_text(text)

    with pytest.raises(InputInvalid, match=problem):
        read_equivalents(lab)
