"""Lint of `checks/`: one check for each task, found by reading the code, never by running it."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clusters.errors import InputInvalid
from graders.declarative.loading import declared_checks
from graders.lab import Lab
from graders.lint.declared import read_declared

_IMPORTABLE = sys.stdlib_module_names | {"graders", "pytest"}


class CheckFunction(NamedTuple):
    """A function with the decorator `@check(...)`."""

    place: str
    """File and line."""
    name: str
    task: str | None
    """Id of the task; None where it is not written as a text."""


def check_problems(lab: Lab) -> Iterator[str]:
    """Yield what is wrong with the checks of a lab."""
    folder = lab.folder / "checks"
    functions: list[CheckFunction] = []
    for path in sorted(folder.glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        except (SyntaxError, UnicodeDecodeError, ValueError) as error:
            yield f"{path}:{getattr(error, 'lineno', 1)}: is not Python: {error.args[0]}"
            continue
        yield from _import_problems(tree, path)
        if path.name == "baseline.py":
            yield from _baseline_problems(tree, path)
        elif path.name.startswith("test_"):
            functions += _check_functions(tree, path)
    functions += _declared(lab.folder)
    yield from _match(lab, functions)


def tasks_of_file(path: Path) -> set[str]:
    """Return the tasks that a file of checks is about, as far as it can be read."""
    try:
        if path.suffix == ".yaml":
            return {check.task for check in declared_checks(path)}
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (InputInvalid, OSError, SyntaxError, ValueError):
        return set()
    return {function.task for function in _check_functions(tree, path) if function.task}


def _declared(folder: Path) -> Iterator[CheckFunction]:
    for check in read_declared(folder).checks:
        yield CheckFunction(check.place, "test_declared", check.task)


def _match(lab: Lab, functions: list[CheckFunction]) -> Iterator[str]:
    by_task: defaultdict[str, list[CheckFunction]] = defaultdict(list)
    for function in functions:
        if function.task is None:
            yield f"{function.place}: write the task's id as a text: @check('...')"
        elif function.task not in lab.task_ids:
            yield f"{function.place}: checks the task {function.task!r}, which lab.yaml lacks"
        elif not function.name.startswith("test_"):
            yield f"{function.place}: {function.name} must be called test_..., or it is not found"
        else:
            by_task[function.task].append(function)
    for number, task in enumerate(lab.task_ids):
        places = [function.place for function in by_task[task]]
        where = f"{lab.folder / 'lab.yaml'}: tasks[{number}]: {task}"
        if not places:
            yield (
                f"{where}: has no check; write one in checks/*.yaml, or checks/test_*.py with "
                f"@check({task!r})"
            )
        elif len(places) > 1:
            yield f"{where}: has {len(places)} checks: {', '.join(places)}"


def _check_functions(tree: ast.Module, path: Path) -> Iterator[CheckFunction]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if _is_check(decorator):
                    yield CheckFunction(f"{path}:{node.lineno}", node.name, _task(decorator))


def _is_check(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name == "check"


def _task(decorator: ast.expr) -> str | None:
    arguments = decorator.args if isinstance(decorator, ast.Call) else []
    if len(arguments) == 1 and isinstance(arguments[0], ast.Constant):
        value = arguments[0].value
        return value if isinstance(value, str) else None
    return None


def _import_problems(tree: ast.Module, path: Path) -> Iterator[str]:
    beside = {file.stem for file in path.parent.glob("*.py")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            if module.partition(".")[0] not in _IMPORTABLE | beside:
                yield (
                    f"{path}:{node.lineno}: imports {module}; a check may import graders, pytest "
                    "and the standard library"
                )


def _baseline_problems(tree: ast.Module, path: Path) -> Iterator[str]:
    if not any(isinstance(node, ast.FunctionDef) and node.name == "record" for node in tree.body):
        yield f"{path}: has no function record(cluster, variant)"
