"""Open files: what everybody may fetch from anywhere, also the scripts of other sites."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "no-cache",
    # A picture is only a picture, also when it is opened by itself.
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def open_file(content: str | dict[str, Any], content_type: str) -> Response:
    """Answer with a file.

    Args:
        content: text, or a JSON document.
        content_type: its media type.
    """
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    return Response(text, headers=_HEADERS, content_type=content_type)
