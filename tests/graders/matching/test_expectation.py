from __future__ import annotations

from typing import Any

import pytest

from graders import CheckFailed, expect_match, hidden

DEPLOYMENT: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app.kubernetes.io/name": "web"}},
    "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": "nginx:1.28"}]}}},
}


def failure(found: object, expected: object, **more: str) -> CheckFailed:
    with pytest.raises(CheckFailed) as caught:
        expect_match(found, expected, **more)
    return caught.value


def test_a_match_says_nothing() -> None:
    expect_match(DEPLOYMENT, {"spec": {"replicas": {"$ge": 2}}})


def test_a_difference_is_shown_by_paths() -> None:
    error = failure(
        DEPLOYMENT,
        {
            "metadata": {"labels": {"app.kubernetes.io/name": "shop"}},
            "spec": {
                "replicas": {"$ge": 3},
                "template": {"spec": {"containers": [{"image": "nginx:1.29"}]}},
                "paused": False,
            },
        },
        hint="kubectl get deployment web --namespace shop --output yaml",
    )

    assert error.message == "The Deployment shop/web is not as it should be"
    assert error.expected.splitlines() == [
        'metadata.labels["app.kubernetes.io/name"]: shop',
        "spec.replicas: at least 3",
        "spec.template.spec.containers[0].image: nginx:1.29",
        "spec.paused: false",
    ]
    assert error.found.splitlines() == [
        'metadata.labels["app.kubernetes.io/name"]: web',
        "spec.replicas: 2",
        "spec.template.spec.containers[0].image: nginx:1.28",
        "spec.paused: (absent)",
    ]
    assert error.hint.startswith("kubectl get")


def test_many_differences_and_long_values_are_cut() -> None:
    error = failure({f"k{n}": "v" * 1000 for n in range(20)}, {f"k{n}": 1 for n in range(20)})

    assert len(error.expected.splitlines()) == 9
    assert error.found.splitlines()[-1] == "and 12 more"
    assert max(map(len, error.found.splitlines())) < 200


def test_a_hidden_value_is_not_told() -> None:
    error = failure({"data": {"answer": "8"}}, {"data": {"answer": hidden("11")}}, message="No")

    assert (error.message, error.expected, error.found) == (
        "No", "data.answer: (not told)", "data.answer: '8'",
    )  # fmt: skip
