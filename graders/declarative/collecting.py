"""Collecting: gives pytest the checks of `checks/*.yaml`, as functions like those of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.errors import InputInvalid
from graders.checks import check
from graders.declarative.asking import run_check
from graders.declarative.loading import DeclaredCheck, declared_checks
from graders.errors import GradingError
from graders.variant import Variant
from graders.view import ClusterView

SUFFIX = ".yaml"


class DeclaredFile(pytest.File):
    """A file of declarative checks."""

    def collect(self) -> Iterator[pytest.Function]:
        """Yield a function for each document."""
        try:
            found = declared_checks(self.path)
        except InputInvalid as error:
            raise self.CollectError(str(error)) from error
        if any(declared.uses("cel") for declared in found):
            # Now, since a check that is watched must not be the first to load 50 MB.
            import graders.declarative.cel  # noqa: F401
        for declared in found:
            name = f"test_{declared.task.replace('-', '_')}"
            function = _as_function(declared)
            yield pytest.Function.from_parent(self, name=name, callobj=function)


def collect_declared(path: Path, parent: pytest.Collector) -> DeclaredFile | None:
    """Return the collector of a file of checks, None for any other file."""
    if path.suffix != SUFFIX:
        return None
    return DeclaredFile.from_parent(parent, path=path)


def _as_function(declared: DeclaredCheck) -> Callable[..., None]:
    @check(declared.task)
    def test(cluster: ClusterView, variant: Variant, baseline: dict[str, Any]) -> None:
        try:
            document = declared.filled_in(variant, baseline)
        except InputInvalid as error:
            raise GradingError(f"The check has a mistake: {error}") from error
        run_check(document, cluster, variant.values, baseline)

    return test
