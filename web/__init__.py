"""The site: catalogue, labs, progress, badges, and the instructor's table.

`create_app` is loaded when it is first used: it brings Flask and the hub's client, which the
command line does not need.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from web.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from web.app import create_app

        return create_app
    raise AttributeError(f"module 'web' has no attribute {name!r}")
