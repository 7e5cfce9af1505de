"""Streams: answers that come line by line, and events for browsers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse

from graders.proctor.feed import Feed, with_beats

Content = dict[str, dict[str, Any]]
"""Of a response, as OpenAPI describes it."""
BEAT = 2.0
"""Seconds of silence after which a stream of lines says that the proctor lives."""
BEAT_LINE = {"alive": True}
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
LINES: Content = {NDJSON: {"schema": {"type": "string"}}}
EVENTS: Content = {SSE: {"schema": {"type": "string"}}}
_NO_BUFFERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def line_by_line(feed: Feed[dict[str, Any]]) -> StreamingResponse:
    """Answer with a JSON document a line, as they come."""
    return StreamingResponse(_lines(feed), media_type=NDJSON, headers=_NO_BUFFERS)


def event_by_event(events: AsyncIterator[bytes]) -> StreamingResponse:
    """Answer with server-sent events, as they come."""
    return StreamingResponse(events, media_type=SSE, headers=_NO_BUFFERS)


async def _lines(feed: Feed[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for entry in with_beats(feed.read(), BEAT):
        line = BEAT_LINE if entry is None else entry.item
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
