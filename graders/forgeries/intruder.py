"""Intruder: a learner's own credential in the hands of somebody who means no good.

It does nothing that the credential does not allow. What it did is undone at the end, as far as it
can be, so that the next forgery finds the cluster as it was.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clusters.errors import AssayError
from graders.api import ApiServer
from graders.discovery import Discovery, ResourceType
from graders.forgeries.connection import (
    JSON_PATCH,
    LEARNER,
    MERGE,
    Answer,
    Connection,
    StepRefused,
    Who,
)
from graders.forgeries.work import Document, Work, as_new

_JOIN_SECONDS = 40.0


class Intruder:
    """A cluster-admin at work, from `intruder_at`."""

    def __init__(self, kubeconfig: Path, work: Work) -> None:
        self.work = work
        """What somebody who passed has in their cluster."""
        self.kubeconfig = kubeconfig
        self.over = threading.Event()
        """Set when the forgery is over."""
        self.mark = secrets.token_hex(3)
        """Part of the names of what this forgery makes."""
        self._connection = Connection(kubeconfig)
        self._types: dict[tuple[str, str], ResourceType] = {}
        self._undo: list[Callable[[], object]] = []
        self._threads: list[threading.Thread] = []
        self.ask = self._connection.ask
        self.must = self._connection.must

    # Reading

    def types(self) -> list[ResourceType]:
        """Return every kind that is served now."""
        with ApiServer.from_file(self.kubeconfig) as api:
            return list(Discovery().types(api))

    def type_of(self, document: Mapping[str, Any]) -> ResourceType:
        """Return the kind of an object; one that is not known is looked for again."""
        key = (document["apiVersion"], document["kind"])
        if key not in self._types:
            self._types = {(t.api_version, t.kind): t for t in self.types()}
        if key not in self._types:
            raise StepRefused(f"this cluster has no {key[0]} {key[1]}")
        return self._types[key]

    def path_of(self, document: Mapping[str, Any], subresource: str = "") -> str:
        """Return the URL path of an object or of its subresource."""
        metadata = document["metadata"]
        path = self.type_of(document).path(metadata.get("namespace"), metadata["name"])
        return f"{path}/{subresource}" if subresource else path

    def all_of(self, api_version: str, kind: str) -> list[Document]:
        """Return every object of a kind."""
        named = {"apiVersion": api_version, "kind": kind}
        items = self.must("GET", self.type_of(named).path()).get("items") or []
        return [{**named, **item} for item in items]

    def read(self, document: Mapping[str, Any]) -> Document | None:
        """Return an object as it is now; None where it is gone."""
        answer = self.ask("GET", self.path_of(document))
        return answer.document if answer.succeeded else None

    def namespaces(self) -> list[str]:
        """Return the namespaces that are not the system's, `default` included."""
        names = (one["metadata"]["name"] for one in self.all_of("v1", "Namespace"))
        return [name for name in names if not name.startswith("kube-")]

    def watch(self, api_version: str, kind: str, selector: str = "") -> Iterator[Document]:
        """Yield each object of a kind as it comes or changes, until the forgery is over."""
        named = {"apiVersion": api_version, "kind": kind}
        query = {"labelSelector": selector} if selector else {}
        for document in self._connection.news(self.type_of(named).path(), query, self.over):
            yield {**named, **document}

    # Acting

    def create(self, document: Mapping[str, Any], who: Who = LEARNER) -> Document:
        """Create an object, which is deleted at the end.

        Raises:
            StepRefused: the cluster refused it.
        """
        type_ = self.type_of(document)
        path = type_.path(document["metadata"].get("namespace"))
        made = self.must("POST", path, document, who=who)
        named = {"apiVersion": type_.api_version, "kind": type_.kind, **made}
        self.at_the_end(lambda: self.remove(named))
        return named

    def patch(
        self, document: Mapping[str, Any], change: Any, subresource: str = "", who: Who = LEARNER
    ) -> Answer:
        """Patch an object, a list being a JSON patch; it is not put back."""
        kind = JSON_PATCH if isinstance(change, list) else MERGE
        path = self.path_of(document, subresource)
        return self.ask("PATCH", path, change, who=who, content_type=kind)

    def say(
        self, document: Mapping[str, Any], status: Mapping[str, Any], who: Who = LEARNER
    ) -> Answer:
        """Write the status of an object; it is not put back."""
        return self.patch(document, {"status": status}, "status", who)

    def change(self, document: Mapping[str, Any], change: Any, who: Who = LEARNER) -> None:
        """Patch an object, which is put back at the end.

        Raises:
            StepRefused: the cluster refused it.
        """
        self.keep(document)
        answer = self.patch(document, change, who=who)
        if not answer.succeeded:
            raise StepRefused(f"{self.path_of(document)}: {answer.document.get('message')}")

    def keep(self, document: Mapping[str, Any]) -> None:
        """Remember to put an object back as it is now."""
        now = self.must("GET", self.path_of(document))
        named = {"apiVersion": document["apiVersion"], "kind": document["kind"], **now}
        self.at_the_end(lambda: self._put_back(named))

    def remove(self, document: Mapping[str, Any]) -> None:
        """Delete an object at once, whatever holds it."""
        path = self.path_of(document)
        self.ask("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        if (self.read(document) or {}).get("metadata", {}).get("finalizers"):
            self.patch(document, {"metadata": {"finalizers": None}})

    def meanwhile(self, step: Callable[[], None]) -> None:
        """Do something beside the check, until the forgery is over; a refusal ends it."""

        def run() -> None:
            with suppress(AssayError):
                step()

        thread = threading.Thread(target=run, name="intruder", daemon=True)
        self._threads.append(thread)
        thread.start()

    def at_the_end(self, step: Callable[[], object]) -> None:
        """Remember something to do when the forgery is over."""
        self._undo.append(step)

    def undo(self) -> None:
        """Stop what goes on and put back what was changed, the last thing first."""
        self.over.set()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        for step in reversed(self._undo):
            with suppress(StepRefused):
                step()
        self._connection.close()

    def _put_back(self, before: Document) -> None:
        now = self.read(before)
        if now is None:
            self.must("POST", self.path_of(before).rpartition("/")[0], as_new(before))
            return
        version = now["metadata"]["resourceVersion"]
        metadata = {**before["metadata"], "resourceVersion": version}
        self.must("PUT", self.path_of(before), {**before, "metadata": metadata})
        if "status" in before:
            self.say(before, before["status"])


@contextmanager
def intruder_at(kubeconfig: Path, work: Work) -> Iterator[Intruder]:
    """Let an intruder in, for as long as the `with` block runs."""
    intruder = Intruder(kubeconfig, work)
    try:
        yield intruder
    finally:
        intruder.undo()
