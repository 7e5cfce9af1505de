from __future__ import annotations

from typing import Any

import pytest

from graders.matching import PatternInvalid, differences, hidden

ABSENT = object()
THREE_STATES: list[tuple[object, list[bool]]] = [
    # pattern for `privileged`      absent, false, true
    (True, [False, False, True]),
    (False, [False, True, False]),
    (None, [True, False, False]),
    ({"$ne": True}, [False, True, False]),
    ({"$not_in": [True]}, [False, True, False]),
    ({"$not": True}, [True, True, False]),
    ({"$not": {"$exists": True}}, [True, False, False]),
    ({"$exists": True}, [False, True, True]),
    ({"$exists": False}, [True, False, False]),
    ({"$in": [True, False]}, [False, True, True]),
    ({"$not": {"$eq": False}}, [True, False, True]),
]


def as_lines(found: Any, pattern: Any) -> list[str]:
    return [f"{d.path}: {d.expected} / {d.found}" for d in differences(found, pattern)]


def matches(found: Any, pattern: Any) -> bool:
    return not differences(found, pattern)


@pytest.mark.parametrize(("pattern", "expected"), THREE_STATES, ids=str)
def test_every_operator_is_sure_of_absent_false_and_true(
    pattern: object, expected: list[bool]
) -> None:
    objects: list[dict[str, Any]] = [{}, {"privileged": False}, {"privileged": True}]

    assert [matches(found, {"privileged": pattern}) for found in objects] == expected
    assert matches({"privileged": None}, {"privileged": pattern}) is expected[0]


def test_only_what_the_pattern_names_is_compared() -> None:
    found = {"spec": {"replicas": 3, "paused": True}, "status": {}}

    assert matches(found, {"spec": {"replicas": 3}})
    assert as_lines(found, {"spec": {"replicas": 4, "paused": True, "x": {"y": 1}}}) == [
        "spec.replicas: 4 / 3",
        "spec.x.y: 1 / (absent)",
    ]


def test_types_are_not_mixed_up() -> None:
    assert as_lines({"a": "3"}, {"a": 3}) == ["a: 3 / '3'"]
    assert as_lines({"a": 1}, {"a": True}) == ["a: true / 1"]
    assert as_lines({"a": True}, {"a": 1}) == ["a: 1 / true"]
    assert as_lines({"a": [1]}, {"a": {"b": 1}}) == ["a: {b: 1} / [1]"]
    assert as_lines({"a": {"b": 1}}, {"a": "x"}) == ["a: x / {b: 1}"]
    assert matches({"a": 3.0}, {"a": 3})


def test_quantities_are_equal_when_they_amount_to_the_same_where_quantities_stand() -> None:
    found = {"resources": {"requests": {"memory": "1Gi", "cpu": "2"}}, "labels": {"cpu": "2"}}

    assert matches(found, {"resources": {"requests": {"memory": "1024Mi", "cpu": 2}}})
    assert matches(found, {"resources": {"requests": {"cpu": "2000m"}}})
    assert not matches(found, {"labels": {"cpu": "2000m"}})
    assert matches(found, {"labels": {"cpu": {"$quantity": "2000m"}}})
    assert as_lines(found, {"resources": {"requests": {"memory": "2Gi"}}}) == [
        "resources.requests.memory: 2Gi / 1Gi"
    ]
    assert matches(
        {"devices": [{"capacity": {"memory": {"value": "80Gi"}}}]},
        {"devices": [{"capacity": {"memory": {"value": "81920Mi"}}}]},
    )


@pytest.mark.parametrize(
    ("found", "pattern", "expected"),
    [
        (3, {"$ge": 3}, True),
        (3, {"$gt": 3}, False),
        ("64Gi", {"$ge": "63Gi", "$lt": "65Gi"}, True),
        ("64Gi", {"$lt": "64G"}, False),
        ("many", {"$ge": 0}, False),
        (True, {"$ge": 0}, False),
        ("nginx:1.29", {"$matches": r"nginx:1\.\d+"}, True),
        ("xnginx:1.29", {"$matches": r"nginx:1\.\d+"}, False),
        (["a", "b"], {"$contains": "a"}, True),
        (["ab"], {"$contains": "a"}, False),
        ("ab", {"$contains": "a"}, True),
        (["b", "a"], {"$unordered": ["a", "b"]}, True),
        (["a", "a"], {"$unordered": ["a", "b"]}, False),
        (["a", "b", "c"], {"$unordered": ["a", "b"]}, False),
        ([{"n": 1, "x": 1}, {"n": 2}], {"$unordered": [{"n": 2}, {"n": 1}]}, True),
        ([1, 2], {"$length": 2}, True),
        ([1, 2], {"$length": {"$ge": 3}}, False),
        (["a", "b"], ["a", "b"], True),
        (["b", "a"], ["a", "b"], False),
        (["a", "b", "c"], ["a", "b"], False),
    ],
)
def test_operators(found: object, pattern: object, expected: bool) -> None:
    assert matches({"it": found}, {"it": pattern}) is expected
    assert matches({"it": found}, {"it": {"$not": pattern}}) is not expected


def test_any_shows_the_item_that_is_nearly_right() -> None:
    conditions = [
        {"type": "Progressing", "status": "True"},
        {"type": "Available", "status": "False"},
    ]
    available = {"conditions": {"$any": {"type": "Available", "status": "True"}}}

    assert as_lines({"conditions": conditions[:1]}, available) == [
        "conditions[0].type: Available / Progressing"
    ]
    assert as_lines({"conditions": [{"type": "A"}, {"type": "B"}]}, available) == [
        "conditions: an item like {status: 'True', type: Available} / [{type: A}, {type: B}]"
    ]
    assert as_lines(
        {"conditions": [{"type": "Other", "status": "?"}, conditions[1]]}, available
    ) == ["conditions[1].status: 'True' / 'False'"]


def test_nothing_is_never_every_or_any_but_may_be_none() -> None:
    empties: list[dict[str, Any]] = [{}, {"items": []}, {"items": None}]
    for empty in empties:
        assert not matches(empty, {"items": {"$every": {"a": 1}}})
        assert not matches(empty, {"items": {"$any": {"a": 1}}})
        assert matches(empty, {"items": {"$none": {"a": 1}}})
    assert not matches({"items": {"a": 1}}, {"items": {"$none": {"a": 2}}})


def test_every_and_none_name_each_item_that_is_wrong() -> None:
    containers = [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}, {"name": "c"}]

    assert as_lines({"c": containers}, {"c": {"$every": {"image": "x"}}}) == [
        "c[1].image: x / y",
        "c[2].image: x / (absent)",
    ]
    assert as_lines({"c": containers}, {"c": {"$none": {"image": "y"}}}) == [
        "c[1]: no item like {image: y} / {image: y, name: b}"
    ]


def test_what_is_hidden_is_compared_and_never_shown() -> None:
    pattern = {
        "a": hidden(7),
        "b": {"$ge": hidden(8)},
        "c": {"$in": [hidden("Wren"), "x"]},
        "d": {"$any": {"e": hidden("Heron")}},
        "f": {"$not": hidden("Kestrel")},
        "g": {"$unordered": [hidden("Condor")]},
    }
    right = {"a": 7, "b": 8, "c": "Wren", "d": [{"e": "Heron"}], "f": 1, "g": ["Condor"]}
    wrong = {"a": 1, "b": 1, "c": "y", "d": [{}, {}], "f": "Kestrel", "g": []}

    shown = str([d.expected for d in differences(wrong, pattern)])

    assert matches(right, pattern)
    assert len(differences(wrong, pattern)) == 6
    assert not [word for word in ("7", "8", "Wren", "Heron", "Kestrel", "Condor") if word in shown]
    assert "(not told)" in shown


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ({"a": {"$is": 1}}, r"a.\$is: is no operator; there are \$eq"),
        ({"a": {"$ge": 1, "b": 2}}, "a.b: is no operator"),
        ({"a": {"$ge": "many"}}, "must be a number or a quantity"),
        ({"a": {"$in": []}}, "must be a list that is not empty"),
        ({"a": {"$matches": "("}}, "is no regular expression"),
        ({"a": {"$exists": 1}}, "must be true or false"),
        ({"a": {"$any": {}}}, "an empty pattern matches everything"),
        ({"a": [{"b": {"$not": {"$x": 1}}}]}, r"a\[0\].b.\$not.\$x: is no operator"),
        ({}, "an empty pattern matches everything"),
    ],
)
def test_a_mistake_in_a_pattern_is_the_authors(pattern: object, problem: str) -> None:
    with pytest.raises(PatternInvalid, match=problem):
        differences({}, pattern)
