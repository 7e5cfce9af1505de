from __future__ import annotations

from typing import Any

import pytest

from graders.declarative.cel import Absence, CelInvalid, compile_expression, evaluate
from graders.errors import GradingError


def value(expression: str, **data: Any) -> Any:
    return evaluate(expression, frozenset(data), {**data, "params": {"n": 3}, "baseline": {}})


@pytest.mark.parametrize(
    "expression",
    [
        "quantity('1Gi').compareTo(quantity('1024Mi')) == 0",
        "quantity('1Gi') == quantity('1024Mi')",
        "quantity('500m').isLessThan(quantity(1))",
        "quantity('1').add(quantity('500m')) == quantity('1500m')",
        "quantity('2').sub(quantity('500m')).isGreaterThan(quantity('1'))",
        "quantity('9223372036854775808Gi').isGreaterThan(quantity('1E'))",
        "isQuantity('64Gi') && !isQuantity('64 GB')",
        "semver('1.10.0').isGreaterThan(semver('1.9.9'))",
        "semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))",
        "semver('1.0.0+a').compareTo(semver('1.0.0+b')) == 0",
        "isSemver('570.86.15') && !isSemver('570.86')",
        "params.n == 3",
        "'A-b'.lowerAscii() == 'a-b'",
        "math.greatest(1, params.n) == 3",
        "cel.bind(x, params.n, x * x == 9)",
        "params.?m.orValue(5) == 5",
        "[1, 2, 3].exists_one(x, x == params.n)",
    ],
)
def test_what_kubernetes_knows_is_known(expression: str) -> None:
    assert value(expression) is True


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("quantity('1Gi') > 5", "no matching overload"),
        ("quantity('1').isLessThan(semver('1.0.0'))", "no matching overload"),
        ("nobody.spec", "undeclared reference"),
        ("params.", "Syntax error"),
    ],
)
def test_a_mistake_is_found_when_compiling(expression: str, problem: str) -> None:
    with pytest.raises(CelInvalid, match=problem) as caught:
        compile_expression(expression, frozenset())

    assert "\n" not in str(caught.value)


def test_an_expression_must_give_what_is_asked() -> None:
    compile_expression("size([]) == 0", frozenset(), "BOOL")
    compile_expression("params.n", frozenset(), "BOOL")
    with pytest.raises(CelInvalid, match="gives INT, not BOOL"):
        compile_expression("size([])", frozenset(), "BOOL")


def test_a_field_that_is_not_there_is_an_absence_and_never_true() -> None:
    answer = value("web.spec.replicas == 3", web={"spec": {}})

    assert isinstance(answer, Absence)
    assert "replicas" in answer


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0 == 1",
        "quantity(web.name).isLessThan(quantity('1'))",
        "web.name + 1 == 2",
        "many.all(a, many.all(b, a + b >= 0))",
    ],
)
def test_what_cannot_be_evaluated_is_an_error_and_no_verdict(expression: str) -> None:
    with pytest.raises(GradingError, match="cannot be evaluated"):
        value(expression, web={"name": "x"}, many=list(range(300)))
