"""Bundle: the evidence of one grading, as one JSON document that is never changed.

    schema        assay.dev/evidence/v1
    report        id of the report that names the bundle
    attempt, lab, learner, cluster_uid, versions
    seed, values, baseline     what the checks knew besides
    tasks         for each its outcome, its time and its recording; null where there is none
    objects       what was said, by name; the same thing once, whoever asked

The text has no spaces, and its keys are in order; what the API server and the lab said keeps the
order it was said in, since a check may see that order.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from clusters.errors import AssayError
from graders.report import CheckResult

SCHEMA = "assay.dev/evidence/v1"
PACKED_LIMIT = 16 << 20
"""Bytes of a compressed bundle; the recordings in it are cut far below it."""
TEXT_LIMIT = 256 << 20
_LEVEL = 3
"""A third of the time of the usual 6, for a third more bytes; a learner waits for it."""


class BundleDamaged(AssayError):
    """A bundle is not what its digest says, or is none."""


def make_bundle(
    about: Mapping[str, Any],
    results: Iterable[CheckResult],
    recordings: Mapping[str, Mapping[str, Any]],
) -> bytes:
    """Return the text of a bundle.

    Args:
        about: everything but tasks and objects.
        results: what the checks found.
        recordings: closed recordings, by task; a check that broke off has none.
    """
    objects: dict[str, Any] = {}
    tasks: dict[str, Any] = {}
    for result in results:
        recording = dict(recordings.get(result.task) or {})
        objects.update(recording.pop("objects", {}))
        tasks[result.task] = {
            "outcome": result.outcome.value,
            "message": result.message,
            "seconds": result.seconds,
            "recording": recording or None,
        }
    document = {
        **about,
        "schema": SCHEMA,
        "tasks": tasks,
        "objects": {ref: objects[ref] for ref in sorted(objects)},
    }
    ordered = {key: document[key] for key in sorted(document)}
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def digest_of(text: bytes) -> str:
    """Return the digest that names a bundle: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def pack(text: bytes) -> bytes:
    """Return a bundle compressed; the same text always gives the same bytes."""
    return gzip.compress(text, _LEVEL, mtime=0)


def unpack(packed: bytes) -> bytes:
    """Return the text of a compressed bundle.

    Raises:
        BundleDamaged: it is not whole, or swells beyond all measure.
    """
    decompressor = zlib.decompressobj(wbits=31)
    try:
        text = decompressor.decompress(packed, TEXT_LIMIT)
    except zlib.error as error:
        raise BundleDamaged("the evidence is damaged: it cannot be decompressed") from error
    if not decompressor.eof:
        raise BundleDamaged("the evidence is damaged: it is not whole")
    return text


def read_bundle(text: bytes) -> dict[str, Any]:
    """Return the document of a bundle.

    Raises:
        BundleDamaged: it is none.
    """
    try:
        document = json.loads(text.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise BundleDamaged("the evidence is damaged: it is not JSON") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BundleDamaged(f"the evidence is not of the version {SCHEMA}")
    return document
