"""Authoring: a new lab, complete and small, that passes lint and rehearsal as it is."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import yaml

from clusters.errors import InputInvalid
from graders.lab import SLUG, TITLE_LIMIT

_TEMPLATES = Path(__file__).parent / "templates"


def new_lab(
    slug: str,
    title: str,
    parent: Path,
    *,
    template: Literal["lab", "imported"] = "lab",
    complete: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Write a new lab folder and return it; all of it or nothing.

    Args:
        slug: name of the folder.
        title: what people call the lab.
        parent: where the folder is made.
        template: what it begins with.
        complete: writes what is missing, before the folder is in its place.

    Raises:
        InputInvalid: the slug or the title cannot be used, or the folder exists.
    """
    if problems := [*_slug_problems(slug, parent / slug), *_title_problems(title)]:
        raise InputInvalid(problems)
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-lab-", dir=parent) as workshop:
        folder = _copy_template(template, Path(workshop) / slug)
        _fill_in(folder, {"@ID@": str(uuid.uuid4()), "@SLUG@": slug, "@TITLE@": title})
        complete(folder)
        return folder.rename(parent / slug)


def _slug_problems(slug: str, folder: Path) -> list[str]:
    if not re.fullmatch(SLUG, slug):
        return [
            f"slug {slug!r}: use 1 to 30 lower-case letters, digits and '-', first a letter, "
            "last no '-'; the folder, the URL and the notebook server are called so"
        ]
    return [f"{folder}: exists already"] if folder.exists() else []


def _title_problems(title: str) -> list[str]:
    if not 0 < len(title) <= TITLE_LIMIT or not title.isprintable() or "{" in title:
        return [f"title {title!r}: use 1 to {TITLE_LIMIT} printable characters without '{{'"]
    return []


def _copy_template(template: str, to: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(_TEMPLATES / template, to, ignore=ignore))


def _fill_in(folder: Path, values: Mapping[str, str]) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            continue
        text = path.read_text(encoding="utf-8")
        for mark, value in values.items():
            text = text.replace(mark, _quoted_for(path, value))
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".sh":
            path.chmod(0o755)


def _quoted_for(path: Path, value: str) -> str:
    match path.suffix:
        case ".ipynb":
            return json.dumps(value, ensure_ascii=False)[1:-1]
        case ".yaml":
            dumped = yaml.safe_dump(value, allow_unicode=True, width=1000)
            return dumped.removesuffix("...\n").strip()
        case _:
            return value
