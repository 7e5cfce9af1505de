"""docs/declarative-checks.md names every key and operator, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from graders.declarative.cel import compile_expression
from graders.declarative.documents import (
    CanI,
    Cel,
    CheckDocument,
    Expect,
    Http,
    PromQL,
    Requirement,
)
from graders.declarative.filling import Filling
from graders.matching.patterns import OPERATORS

PAGE = (Path(__file__).parents[2] / "docs" / "declarative-checks.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
VALUES = {"web": "web", "space": "shop", "replicas": 2, "model": "m", "memory": "1Gi"}


@pytest.mark.parametrize("model", [Requirement, Expect, Cel, CanI, Http, PromQL])
def test_every_key_is_explained(model: type[BaseModel]) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items()]

    assert [key for key in keys if f"`{key}" not in PAGE] == []


def test_every_operator_is_explained_and_no_other() -> None:
    table = PAGE[PAGE.index("| operator |") : PAGE.index("Several operators")]

    assert set(re.findall(r"\$[a-z_]+", table)) == set(OPERATORS)


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_right(text: str) -> None:
    filling = Filling(VALUES)
    document = CheckDocument.model_validate(filling.fill(yaml.safe_load(text)))

    assert filling.problems == []
    for requirement in document.require:
        if requirement.cel is not None:
            names = frozenset(requirement.cel.objects)
            compile_expression(requirement.cel.expression, names, "BOOL")
            compile_expression(str(requirement.cel.found), names, "STRING")
