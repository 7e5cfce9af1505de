from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from graders.parameters import ParameterSpec
from graders.variant import draw_variant, odds_of_likeness

SEEDS = range(400)


def specs(**documents: dict[str, Any]) -> dict[str, ParameterSpec]:
    return {name: ParameterSpec.model_validate(d) for name, d in documents.items()}


def drawn(document: dict[str, Any]) -> list[Any]:
    parameters = specs(it=document)
    return [draw_variant(parameters, seed)["it"] for seed in SEEDS]


def test_a_choice_draws_each_of_its_values() -> None:
    assert set(drawn({"choice": ["a", 2, 2.5, True]})) == {"a", 2, 2.5, True}


def test_weights_make_a_value_likelier() -> None:
    times = Counter(drawn({"choice": ["often", "seldom"], "weights": [9, 1]}))

    assert times["often"] > 6 * times["seldom"] > 0


def test_an_integer_keeps_to_its_ends_and_steps() -> None:
    assert set(drawn({"integer": [3, 6]})) == {3, 4, 5, 6}
    assert set(drawn({"integer": [10, 40], "step": 10})) == {10, 20, 30, 40}


def test_a_decimal_is_written_as_its_author_would() -> None:
    found = set(drawn({"decimal": [0.1, 0.7], "step": 0.2}))

    assert {str(value) for value in found} == {"0.1", "0.3", "0.5", "0.7"}


def test_a_sample_has_different_values_in_every_order() -> None:
    found = [tuple(value) for value in drawn({"sample": ["a", "b", "c"], "count": 2})]

    assert len(set(found)) == 6
    assert all(len(set(value)) == 2 for value in found)


def test_a_permutation_has_all_values_in_every_order() -> None:
    assert {tuple(value) for value in drawn({"permutation": [1, 2, 3]})} == {
        (1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1),
    }  # fmt: skip


def test_a_word_is_a_name_of_its_own() -> None:
    found = drawn({"word": "team"})

    assert len(set(found)) == len(SEEDS)
    assert all(name.startswith("team-") and len(name) == 10 for name in found)


def test_parameters_can_be_made_to_differ_in_whatever_order_they_stand() -> None:
    parameters = specs(
        third={"choice": ["a", "b", "c"], "different_from": ["first", "second"]},
        second={"choice": ["a", "b", "c"], "different_from": ["first"]},
        first={"choice": ["a", "b", "c"]},
    )

    variants = [draw_variant(parameters, seed).values for seed in SEEDS]

    assert all(len(set(map(str, values.values()))) == 3 for values in variants)
    assert {values["third"] for values in variants} == {"a", "b", "c"}
    assert list(variants[0]) == ["third", "second", "first"]


def test_the_same_seed_draws_the_same_for_ever() -> None:
    parameters = specs(
        word={"word": "team"},
        choice={"choice": ["a", "b", "c"]},
        weighted={"choice": ["a", "b", "c"], "weights": [1, 2, 3]},
        integer={"integer": [1, 1000]},
        stepped={"integer": [0, 1000], "step": 50},
        decimal={"decimal": [0, 10], "step": 0.1},
        sample={"sample": [1, 2, 3, 4, 5, 6], "count": 3},
        permutation={"permutation": ["x", "y", "z"]},
    )

    # An attempt that is under way may be checked by a newer Assay: these must never change.
    assert draw_variant(parameters, 4711).values == GOLDEN


GOLDEN: dict[str, Any] = {
    "word": "team-ftlin",
    "choice": "a",
    "weighted": "b",
    "integer": 929,
    "stepped": 550,
    "decimal": 2.9,
    "sample": [2, 5, 1],
    "permutation": ["y", "x", "z"],
}


def test_a_parameter_more_changes_no_other() -> None:
    few = specs(a={"integer": [1, 99]}, b={"word": "b"})
    more = specs(z={"word": "z"}, **{k: v.model_dump(exclude_none=True) for k, v in few.items()})

    for seed in range(20):
        assert {"a": draw_variant(more, seed)["a"], "b": draw_variant(more, seed)["b"]} == (
            draw_variant(few, seed).values
        )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "give exactly one of choice, integer"),
        ({"choice": ["a"], "word": "b"}, "give exactly one of"),
        ({"choice": []}, "choice: give at least one value"),
        ({"choice": ["a", "a"]}, "choice: 'a' is given twice"),
        ({"choice": ["a", "b"], "weights": [1]}, "weights: give 2, one for each value"),
        ({"choice": ["a"], "weights": [0]}, "greater than 0"),
        ({"integer": [5, 3]}, "must not be above the second"),
        ({"integer": [1, 4], "step": 2}, "is not reached in steps of 2"),
        ({"integer": [1, 4], "step": 1.5}, "must be a whole number"),
        ({"integer": [1, 4], "weights": [1]}, "weights: belongs to choice, not to integer"),
        ({"word": "a", "step": 2}, "step: belongs to integer or decimal, not to word"),
        ({"decimal": [0, 1]}, "needs a step"),
        ({"decimal": [0, "NaN"], "step": 1}, "finite number"),
        ({"sample": ["a", "b"]}, "sample: needs a count"),
        ({"sample": ["a", "b"], "count": 3}, "there are only 2 values"),
        ({"permutation": ["a"], "count": 1}, "count: belongs to sample"),
        ({"choice": ["a"], "different_from": ["other"]}, "too few values are left"),
    ],
)
def test_what_cannot_be_drawn_is_refused(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ParameterSpec.model_validate(document)


@pytest.mark.parametrize(
    ("different", "problem"),
    [
        ({"a": ["nobody"]}, "parameters.a: different_from: there is no parameter 'nobody'"),
        ({"a": ["b"], "b": ["a"]}, "different_from of a, b goes in a circle"),
        ({"a": ["a"]}, "different_from of a goes in a circle"),
    ],
)
def test_differences_that_cannot_be_are_told(different: dict[str, list[str]], problem: str) -> None:
    parameters = specs(
        **{
            name: {"choice": [1, 2, 3], "different_from": different.get(name, [])}
            for name in ("a", "b")
        }
    )

    with pytest.raises(ValueError, match=problem):
        draw_variant(parameters, 1)


def test_how_many_learners_there_are_to_one_alike() -> None:
    parameters = specs(
        fair={"choice": ["a", "b", "c", "d"]},
        sample={"sample": [1, 2, 3], "count": 2},
        loaded={"choice": ["a", "b"], "weights": [9, 1]},
    )

    assert odds_of_likeness([parameters["fair"], parameters["sample"]]) == pytest.approx(24)
    assert odds_of_likeness([parameters["loaded"]]) == pytest.approx(1 / 0.82)
    assert odds_of_likeness([]) == 1


def test_the_estimate_agrees_with_what_is_drawn() -> None:
    parameters = specs(a={"choice": ["a", "b", "c"], "weights": [5, 3, 2]}, b={"integer": [1, 4]})
    times = Counter(str(draw_variant(parameters, seed).values) for seed in range(4000))

    alike = sum((number / 4000) ** 2 for number in times.values())

    assert 1 / alike == pytest.approx(odds_of_likeness(parameters.values()), rel=0.1)
