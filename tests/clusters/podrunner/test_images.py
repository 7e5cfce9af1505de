"""What an image stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusters.errors import InputInvalid
from clusters.podrunner.images import BUILT_IN, Image, load_images, path_of_binary, repository_of


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("busybox", "busybox"),
        ("busybox:1.36", "busybox"),
        ("docker.io/library/python:3.11-slim", "python"),
        ("library/nginx@sha256:0123abcd", "nginx"),
        ("index.docker.io/curlimages/curl:8.5.0", "curlimages/curl"),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause"),
        ("registry.example:5000/team/app:v1@sha256:0123", "registry.example:5000/team/app"),
    ],
)
def test_a_reference_names_a_repository(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_tags_do_not_matter_and_other_registries_do() -> None:
    images = load_images(BUILT_IN)

    assert images.find("python:3.9-slim") == images.find("docker.io/library/python")
    assert images.find("evil.example/python:3.9") is None
    assert images.find("python-evil") is None


def test_an_operator_adds_images_and_replaces_them(tmp_path: Path) -> None:
    own = tmp_path / "images.yaml"
    own.write_text(
        "apiVersion: assay.dev/v1\nkind: Images\nimages:\n"
        "  - {names: [vllm/vllm-openai], entrypoint: [vllm, serve], show: {/opt/vllm: /opt/vllm}}\n"
        "  - {names: [busybox], command: [bash]}\n"
    )

    images = load_images(BUILT_IN, own, tmp_path / "missing.yaml")

    assert images.by_name["vllm/vllm-openai"].show == {"/opt/vllm": "/opt/vllm"}
    assert images.by_name["busybox"].command == ("bash",)
    assert images.find("nginx")


def test_every_problem_of_a_list_is_told_at_once(tmp_path: Path) -> None:
    own = tmp_path / "images.yaml"
    own.write_text(
        "apiVersion: assay.dev/v1\nkind: Images\nimages:\n"
        "  - {names: []}\n  - {names: [a], entrypont: [b]}\n"
    )

    with pytest.raises(InputInvalid) as refused:
        load_images(own)

    text = str(refused.value)
    assert "images.0.names" in text or "images[0].names" in text
    assert "entrypont" in text


def test_a_program_that_is_not_in_the_cache_has_no_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))

    assert path_of_binary(Image(names=("a",), binary="kubectl")) is None


def test_nodes_tell_of_images_by_references_that_are_found_again() -> None:
    images = load_images(BUILT_IN)

    assert "docker.io/library/busybox:latest" in images.tags
    assert "registry.k8s.io/pause:latest" in images.tags
    assert [repository_of(tag) for tag in images.tags] == list(images.names)
