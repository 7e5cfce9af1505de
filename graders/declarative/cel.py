"""Cel: expressions of the Common Expression Language over objects that were read.

Evaluated by cel-expr-python. Expressions come from authors only, never from learners; what they
are about comes from learners, so lists and sizes are limited, and the worker's time limit ends an
evaluation that takes too long. The functions on quantities and versions are Kubernetes' own:
https://kubernetes.io/docs/reference/using-api/cel/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_math, ext_optional, ext_strings

from graders.checks import CheckFailed
from graders.declarative.choosing import choose_one, choose_set, describe_set
from graders.declarative.documents import Cel, CelSelection
from graders.errors import GradingError
from graders.matching.quantities import parse_quantity, parse_version
from graders.matching.telling import shorten
from graders.view import ClusterView

LONGEST_LIST = 1000
"""Objects in a list: `map` and `filter` take a time that grows with the square of it."""
LARGEST = 8 << 20
"""Bytes of all the objects of one expression, as JSON."""
_TYPE = cel.Type
# Types that comparing with a number is refused of when compiling. When evaluating, functions are
# told apart only by map and list.
_QUANTITY = _TYPE.Map(_TYPE.STRING, _TYPE.STRING)
_VERSION = _TYPE.List(_TYPE.STRING)
_NO_KEY = "NOT_FOUND: "


class CelInvalid(GradingError):
    """An expression that cannot be compiled; a mistake of the check's author."""


def check_cel(
    cluster: ClusterView, entry: Cel, params: Mapping[str, Any], baseline: Mapping[str, Any]
) -> None:
    """Fail unless an expression is true.

    Args:
        cluster: where its objects are.
        entry: the expression and what it is about.
        params: the parameters of the variant, as `params`.
        baseline: what was recorded at the start, as `baseline`.

    Raises:
        CheckFailed: it is false, asks for a field that is not there, or is about nothing.
        GradingError: the cluster could not be asked, or the expression has a mistake.
    """
    data = {name: _objects(cluster, chosen) for name, chosen in entry.objects.items()}
    if len(json.dumps(data)) > LARGEST:
        raise GradingError(f"The objects of this check are larger than {LARGEST >> 20} MiB")
    data |= {"params": dict(params), "baseline": dict(baseline)}
    names = frozenset(entry.objects)
    answer = evaluate(entry.expression, names, data)
    if answer is True:
        return
    if not isinstance(answer, bool | Absence):
        raise CelInvalid(f"The expression gives no bool: {entry.expression}")
    found = str(answer) if isinstance(answer, Absence) else _what_is_there(entry, names, data)
    raise CheckFailed("", found=found)


class Absence(str):
    """Says which field an expression asked for in vain."""


def evaluate(expression: str, names: Collection[str], data: Mapping[str, Any]) -> Any:
    """Return what an expression gives, or the Absence of a field.

    Raises:
        CelInvalid: it cannot be compiled.
        GradingError: it could not be evaluated.
    """
    compiled = compile_expression(expression, frozenset(names))
    try:
        value = compiled.eval(data=dict(data))
    except (RuntimeError, ArithmeticError, TypeError, ValueError) as error:
        raise GradingError(f"The expression cannot be evaluated: {shorten(str(error))}") from error
    if value.type() != _TYPE.ERROR:
        return value.plain_value()
    problem = str(value.value())
    if problem.startswith(_NO_KEY):
        return Absence(problem.removeprefix(_NO_KEY).replace("Key not found in map", "no key"))
    raise GradingError(f"The expression cannot be evaluated: {shorten(problem)}")


@cache
def compile_expression(expression: str, names: frozenset[str], returns: str = "") -> Any:
    """Compile an expression over objects of these names.

    Args:
        expression: its text.
        names: of the objects.
        returns: the type that it must have, as CEL calls it; empty for any.

    Raises:
        CelInvalid: it has a mistake.
    """
    try:
        compiled = _environment(names).compile(expression)
    except RuntimeError as error:
        words = str(error).replace("INVALID_ARGUMENT: ERROR: <input>:", "").splitlines()[0]
        raise CelInvalid(f"{words} in the expression {shorten(expression)}") from error
    type_ = compiled.return_type().name()
    if returns and type_ not in (returns, "DYN"):
        raise CelInvalid(f"gives {type_}, not {returns}: {shorten(expression)}")
    return compiled


def _objects(cluster: ClusterView, chosen: CelSelection) -> Any:
    if chosen.name is not None:
        return choose_one(cluster, chosen)
    found = choose_set(cluster, chosen)
    if not found and not chosen.may_be_empty:
        raise CheckFailed(f"There is no {describe_set(chosen)}", "at least one", "none")
    if len(found) > LONGEST_LIST:
        raise GradingError(
            f"There are {len(found)} {describe_set(chosen)}; at most {LONGEST_LIST} can be checked"
        )
    return found


def _what_is_there(entry: Cel, names: frozenset[str], data: Mapping[str, Any]) -> str:
    if entry.found is None:
        return ""
    return shorten(str(evaluate(entry.found, names, data)))


def _environment(names: frozenset[str]) -> Any:
    variables = {name: _TYPE.DYN for name in names}
    maps = _TYPE.Map(_TYPE.STRING, _TYPE.DYN)
    return cel.NewEnv(
        variables={**variables, "params": maps, "baseline": maps},
        functions=_functions(),
        extensions=[
            ext_strings.ExtStrings(),
            ext_math.ExtMath(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
        ],
    )


def _functions() -> list[Any]:
    members: dict[str, Callable[[Any, Any], Any]] = {
        "compareTo": lambda a, b: (a > b) - (a < b),
        "isGreaterThan": lambda a, b: a > b,
        "isLessThan": lambda a, b: a < b,
    }
    return [
        _function("quantity", _QUANTITY, _as_quantity, [_TYPE.STRING], [_TYPE.INT]),
        _function(
            "isQuantity", _TYPE.BOOL, lambda x: parse_quantity(x) is not None, [_TYPE.STRING]
        ),
        _function("semver", _VERSION, _as_version, [_TYPE.STRING]),
        _function("isSemver", _TYPE.BOOL, lambda x: parse_version(x) is not None, [_TYPE.STRING]),
        *(_comparison(name, compare) for name, compare in members.items()),
        _arithmetic("add", lambda a, b: a + b),
        _arithmetic("sub", lambda a, b: a - b),
    ]


def _function(name: str, returns: Any, call: Callable[..., Any], *parameters: list[Any]) -> Any:
    overloads = [
        cel.Overload(f"{name}_{place}", returns, list(types), is_member=False, impl=call)
        for place, types in enumerate(parameters)
    ]
    return cel.FunctionDecl(name, overloads)


def _comparison(name: str, compare: Callable[[Any, Any], Any]) -> Any:
    returns = _TYPE.INT if name == "compareTo" else _TYPE.BOOL
    overloads = [
        cel.Overload(
            f"{name}_{place}",
            returns,
            [type_, type_],
            is_member=True,
            impl=_comparing(compare, key),
        )
        for place, (type_, key) in enumerate(((_QUANTITY, _amount), (_VERSION, _version_key)))
    ]
    return cel.FunctionDecl(name, overloads)


def _comparing(
    compare: Callable[[Any, Any], Any], key: Callable[[Any], Any]
) -> Callable[[Any, Any], Any]:
    return lambda a, b: compare(key(a), key(b))


def _arithmetic(name: str, combine: Callable[[Decimal, Decimal], Decimal]) -> Any:
    def call(a: Any, b: Any) -> dict[str, str]:
        return _as_quantity(str(combine(_amount(a), _amount(b))))

    types = [_QUANTITY, _QUANTITY]
    return cel.FunctionDecl(name, [cel.Overload(name, _QUANTITY, types, is_member=True, impl=call)])


def _as_quantity(value: Any) -> dict[str, str]:
    amount = parse_quantity(value)
    if amount is None:
        raise ValueError(f"{value} is no quantity")
    return {"quantity": f"{amount.normalize():f}"}


def _as_version(text: str) -> list[str]:
    if parse_version(text) is None:
        raise ValueError(f"{text} is no semantic version")
    return [text]


def _amount(value: Any) -> Decimal:
    return Decimal(value["quantity"])


def _version_key(value: Any) -> Any:
    return parse_version(value[0])
