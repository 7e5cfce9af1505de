"""Redaction: values of Secrets, tokens and private keys are taken out of what was recorded.

A text that holds one is replaced as a whole by a mark, `{"$redacted": 3}`. The same text has the
same number, so a replay can still tell equal from different; anything else that it would do with
the text ends in an error, never in a wrong verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graders.evidence import secret_values

MARK = "$redacted"
_TOKENS = re.compile(
    r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"  # JSON Web Tokens, such as those of service accounts
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0EgUFJJVkFUR|BFQyBQUklWQVRF)"  # the same in base64
)
_ALL_OF_IT = ("data", "stringData")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Redaction:
    """Takes secrets out of documents; learns them from the Secrets among the documents."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._pattern = _TOKENS

    def learn(self, documents: Iterable[Any]) -> None:
        """Note the values of every Secret in the documents, however deep."""
        for document in documents:
            for secret in _secrets_in(document):
                self._secrets.update(secret_values(secret))
        words = sorted(self._secrets, key=len, reverse=True)
        self._pattern = re.compile("|".join([_TOKENS.pattern, *map(re.escape, words)]))

    def is_needed(self, text: str) -> bool:
        """Whether a document, given as JSON, may hold something to take out."""
        return '"Secret' in text or self.occurs_in(text)

    def occurs_in(self, text: str) -> bool:
        """Whether a secret that is known, or a token, stands in a document, given as JSON."""
        return self._pattern.search(text) is not None or self._escaped(text)

    def redact(self, value: Any) -> Any:
        """Return a JSON value without secrets."""
        if isinstance(value, str):
            return self._mark(value) if self._pattern.search(value) else value
        if isinstance(value, list):
            return [self.redact(item) for item in value]
        if not isinstance(value, dict):
            return value
        if any(self._pattern.search(key) for key in value):
            return self._mark(json.dumps(value, sort_keys=True))
        if value.get("kind") == "Secret":
            value = self._without_contents(value)
        return {key: self.redact(item) for key, item in value.items()}

    def redact_text(self, text: str) -> str:
        """Return a sentence without secrets."""
        return self._pattern.sub("(secret)", text)

    def _escaped(self, text: str) -> bool:
        """Whether JSON spells a secret otherwise than it is."""
        return "\\" in text and any(
            escaped != secret and escaped in text
            for secret in self._secrets
            if (escaped := json.dumps(secret, ensure_ascii=False)[1:-1])
        )

    def _without_contents(self, secret: dict[str, Any]) -> dict[str, Any]:
        changed = dict(secret)
        for name in _ALL_OF_IT:
            if isinstance(values := secret.get(name), dict):
                changed[name] = {key: self._mark(str(value)) for key, value in values.items()}
        metadata = secret.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict) and _APPLIED in annotations:
            marked = {**annotations, _APPLIED: self._mark(str(annotations[_APPLIED]))}
            changed["metadata"] = {**secret["metadata"], "annotations": marked}
        return changed

    def _mark(self, text: str) -> dict[str, int]:
        return {MARK: self._numbers.setdefault(text, len(self._numbers))}


def _secrets_in(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if value.get("kind") == "Secret":
            yield value
        for item in value.values():
            yield from _secrets_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_in(item)
