"""Report cards of this installation: where they are kept, and what they say about a lab today.

A card is a file named after its own digest, so that a credential can name it and nobody can change
it unnoticed. The newest one of each lab lies under the lab's name beside them; an author publishes
it into the lab's folder, so that a fresh installation knows as well.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from clusters.binaries.lock import installed_lock
from clusters.home import home
from graders.digests import lab_digest
from graders.lab import Lab

SCHEMA = "assay.dev/report-card/v1"
PUBLISHED = "report-card.json"
"""Name of the card in the lab's folder."""
Document = Mapping[str, Any]


class CardState(StrEnum):
    """Whether a lab is proved."""

    GREEN = "green"
    """As it is now, with the Kubernetes of this installation."""
    STALE = "stale"
    """It was, before it or what it runs on was changed."""
    RED = "red"
    """No: a run found something else than it must."""
    MISSING = "missing"
    """Nobody has rehearsed it."""


@dataclass(frozen=True)
class CardStatus:
    """What the report card of a lab says about the lab as it is now."""

    state: CardState
    sentence: str
    """Why, for instructors."""
    card: Document = field(default_factory=dict)
    """The newest card; empty where there is none."""
    digest: str = ""
    """`sha256:` and the digest of the card: its name in the store."""

    @property
    def is_green(self) -> bool:
        """Whether the lab is proved as it is now."""
        return self.state is CardState.GREEN

    def to_json(self) -> dict[str, Any]:
        """Return what a list of labs shows; without the runs."""
        summary = {key: value for key, value in self.card.items() if key != "runs"}
        return {
            "state": self.state.value,
            "sentence": self.sentence,
            "digest": self.digest,
            "card": summary or None,
        }


def card_of(lab: Lab) -> CardStatus:
    """Return whether a lab is proved. Reads a few files, starts nothing, and never fails."""
    current = lab_digest(lab.folder)
    found = [*_stored(_newest_place(lab.slug)), *_stored(lab.folder / PUBLISHED)]
    cards = [card for card in found if card.get("lab") == lab.slug]
    if not cards:
        return CardStatus(CardState.MISSING, "Nobody has rehearsed this lab.")
    card = max(cards, key=lambda card: (card.get("digest") == current, card["finished_at"]))
    state, sentence = _judge(card, current)
    return CardStatus(state, sentence, card, document_digest(card))


def _judge(card: Document, current: str) -> tuple[CardState, str]:
    date = str(card["finished_at"])[:10]
    if card.get("digest") != current:
        return CardState.STALE, f"The lab was changed since its rehearsal of {date}."
    if not card.get("true"):
        return CardState.RED, f"The rehearsal of {date} found: {_first_finding(card)}"
    rehearsed = [str(version) for version in card.get("kubernetes", ())]
    if (installed := kubernetes_installed()) not in rehearsed:
        with_what = ", ".join(rehearsed) or "no version that is known"
        return CardState.STALE, f"Rehearsed with Kubernetes {with_what}; here it is {installed}."
    return CardState.GREEN, f"Proved on {date} with Kubernetes {', '.join(rehearsed)}."


def _first_finding(card: Document) -> str:
    for problem in card.get("problems", ()):
        return str(problem)
    for run in card.get("runs", ()):
        for surprise in run.get("surprises", ()):
            return f"{run['kind']} {run['name']}: {surprise}"
    return "nothing was run."


def kubernetes_installed() -> str:
    """Return the version of Kubernetes that clusters of this installation have."""
    return installed_lock().kubernetes


def store_card(card: Document) -> Path:
    """Keep a card under its digest and as the newest one of its lab; return the former file."""
    text = card_text(card)
    path = _folder() / f"{document_digest(card).removeprefix('sha256:')}.json"
    _write(path, text)
    _write(_newest_place(card["lab"]), text)
    return path


def publish_card(card: Document, lab: Lab) -> Path:
    """Write a card into the folder of its lab, to be committed with it."""
    return _write(lab.folder / PUBLISHED, card_text(card))


def card_text(card: Document) -> str:
    """Return a card as it is stored: one line for each run, so that two cards can be compared."""
    head = json.dumps({k: v for k, v in card.items() if k != "runs"}, indent=2, ensure_ascii=False)
    runs = ",\n".join(f"    {json.dumps(run, ensure_ascii=False)}" for run in card.get("runs", ()))
    return f'{head.removesuffix("}").rstrip()},\n  "runs": [\n{runs}\n  ]\n}}\n'


def document_digest(card: Document) -> str:
    """Return `sha256:` and the digest of the canonical form of a card."""
    canonical = json.dumps(card, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def _stored(path: Path) -> Iterator[Document]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # none, or one of another time
    if isinstance(card, dict) and card.get("schema") == SCHEMA and "finished_at" in card:
        yield card


def log_place(slug: str) -> Path:
    """Return the file for what the graders of a lab's newest rehearsal print."""
    path = _newest_place(slug).with_suffix(".log")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def _folder() -> Path:
    return home() / "report-cards"


def _newest_place(slug: str) -> Path:
    return _folder() / f"{slug}.json"


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    return beside.rename(path)
