"""Serving: how a zygote does what it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from graders.workers.channel import Channel, ChannelClosed, Message, close_all
from graders.workers.offspring import Child, Offspring

Handler = Callable[[Mapping[str, Any], list[int]], Child]
"""Forks a process for a request and the descriptors that came with it."""


def serve(channel: Channel, offspring: Offspring, handlers: Mapping[str, Handler]) -> None:
    """Do what is asked for, one after the other, until nobody is there any more."""
    with suppress(ChannelClosed):
        while True:
            _serve_one(channel, offspring, handlers, channel.receive())
    offspring.end_all()


def _serve_one(
    channel: Channel, offspring: Offspring, handlers: Mapping[str, Handler], message: Message
) -> None:
    document, descriptors = message
    try:
        if document["do"] == "end":
            channel.send({"how": offspring.end(document["pid"])})
            return
        child = handlers[document["do"]](document, descriptors)
        try:
            channel.send({"pid": child.pid}, [child.handle])
        finally:
            os.close(child.handle)
    finally:
        close_all(descriptors)
