"""The bundle of a grading: what the proctor's side makes of what its workers have recorded."""

from __future__ import annotations

import base64
import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from graders.bundles.bundle import make_bundle
from graders.bundles.closing import close
from graders.bundles.recording import Recording
from graders.discovery import Discovery
from graders.job import GradingJob
from graders.report import CheckResult

log = logging.getLogger(__name__)

_SENT_BYTES = 3 << 20
"""A recording that is larger on its way is cut again, and then to this part of what is usual."""
_SMALLER = 8
_TEXT_LIMIT = 64 << 20


def pack_recording(recording: Recording, kinds: Discovery) -> str:
    """Close a recording and return it as it travels out of its worker; without secrets."""
    packed = _packed(close(recording, kinds))
    if len(packed) > _SENT_BYTES:
        packed = _packed(close(recording, kinds, smaller=_SMALLER))
    return packed


def make_evidence(
    job: GradingJob,
    report: str,
    results: Sequence[CheckResult],
    recordings: Mapping[str, str],
) -> bytes:
    """Return the bundle of a grading.

    Args:
        job: what was graded.
        report: id of the report that will name the bundle.
        results: what was found.
        recordings: packed recordings, by task.
    """
    about = {
        "report": report,
        "attempt": job.attempt,
        "lab": job.lab.slug,
        "learner": job.learner,
        "cluster_uid": job.cluster_uid,
        "audited": job.audit_log is not None,
        "versions": dict(job.versions),
        "seed": job.seed,
        "values": dict(job.variant.values),
        "baseline": dict(job.baseline),
    }
    return make_bundle(about, results, {task: _unpacked(r) for task, r in recordings.items()})


def _packed(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 1)).decode()


def _unpacked(packed: str) -> dict[str, Any]:
    try:
        text = zlib.decompressobj().decompress(base64.b64decode(packed), _TEXT_LIMIT)
        document: dict[str, Any] = json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, zlib.error):
        log.warning("a recording came damaged out of its worker; nothing is kept of it")
        return {}
    return document
