"""Discovery: the kinds that an API server serves, found by the name a person would use.

A learner is cluster-admin and may register kinds of their own. So a kind without an `apiVersion`
is looked up in Kubernetes' own groups first, in a fixed order and version, and a group of
Kubernetes that an APIService hands to somebody else's server is not believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from threading import Thread
from typing import Any, Self
from urllib.parse import quote

from graders.api import ApiServer
from graders.errors import GradingError, RequestInvalid

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
OWN_GROUPS = {
    "": "v1",
    "apps": "v1",
    "batch": "v1",
    "autoscaling": "v2",
    "policy": "v1",
    "resource.k8s.io": "v1",
    "networking.k8s.io": "v1",
    "rbac.authorization.k8s.io": "v1",
    "scheduling.k8s.io": "v1",
    "storage.k8s.io": "v1",
    "admissionregistration.k8s.io": "v1",
    "apiextensions.k8s.io": "v1",
    "apiregistration.k8s.io": "v1",
    "authentication.k8s.io": "v1",
    "authorization.k8s.io": "v1",
    "certificates.k8s.io": "v1",
    "coordination.k8s.io": "v1",
    "discovery.k8s.io": "v1",
    "events.k8s.io": "v1",
    "flowcontrol.apiserver.k8s.io": "v1",
    "node.k8s.io": "v1",
}
"""Kubernetes' own groups and the version that a kind without an `apiVersion` means."""


@dataclass(frozen=True)
class ResourceType:
    """One kind that the API server serves."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        """Group and version as in a manifest."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the URL path of an object, or of the list where `name` is None.

        Raises:
            RequestInvalid: a name and no namespace for a namespaced kind, or the reverse.
        """
        if self.namespaced and name is not None and not namespace:
            raise RequestInvalid(f"A {self.kind} lives in a namespace: pass namespace=...")
        if namespace and not self.namespaced:
            raise RequestInvalid(f"A {self.kind} lives in no namespace: leave namespace out")
        root = f"/apis/{self.group}" if self.group else "/api"
        parts = [f"{root}/{self.version}"]
        parts += ["namespaces", quote(namespace, safe="")] if namespace else []
        parts += [self.plural]
        parts += [quote(name, safe="")] if name is not None else []
        return "/".join(parts)

    def is_called(self, word: str) -> bool:
        """Whether a person would call it so: its kind, plural or singular, in any case."""
        return word.casefold() in (self.kind.casefold(), self.plural, self.singular)


def is_a_name(name: str) -> bool:
    """Whether a URL can name it; a check may look for whatever a learner wrote."""
    return bool(name) and name not in (".", "..") and "/" not in name and "%" not in name


class Discovery:
    """The kinds of one API server; asked once, and again when a kind is not found.

    Asking again costs little where nothing changed: the API server tells so by an ETag (aggregated
    discovery, KEP-3352).
    """

    def __init__(self) -> None:
        self._types: tuple[ResourceType, ...] = ()
        self._foreign: frozenset[str] = frozenset()
        self._core: tuple[ResourceType, ...] = ()
        self._etag = ""
        self._json: dict[str, Any] | None = None
        self._text = ""
        self._coming: Future[None] | None = None

    def types(self, api: ApiServer) -> tuple[ResourceType, ...]:
        """Return every kind that is served.

        Raises:
            GradingError: the server could not be asked.
        """
        if not self._types:
            self.refresh(api)
        return self._types

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Make one that knows what another one knew."""
        known = cls()
        known._types = tuple(
            ResourceType(**{**type_, "verbs": frozenset(type_["verbs"])})
            for type_ in document["types"]
        )
        known._foreign = frozenset(document["foreign"])
        return known

    def refresh(self, api: ApiServer) -> None:
        """Ask again; a CRD may have been added. Raises like `types`."""
        if not self._core:  # nobody can add to the core group
            self._core = tuple(_resource_types(api.get("/api", accept=_AGGREGATED)))
        document, etag = api.get_unless("/apis", self._etag, accept=_AGGREGATED)
        if document:
            self._types, self._etag = (*self._core, *_resource_types(document)), etag
        if document:
            self._json, self._text = None, ""
        self.refresh_foreign(api)

    def refresh_foreign(self, api: ApiServer) -> None:
        """Ask again which groups another server answers for; a kind that came is found anyway.

        Raises:
            GradingError: the server could not be asked.
        """
        foreign = frozenset(_foreign_groups(api.items(_APISERVICES)[0]))
        if foreign != self._foreign:
            self._foreign, self._json, self._text = foreign, None, ""

    def refresh_foreign_beside(self, api: ApiServer) -> None:
        """Do `refresh_foreign` while the caller goes on; `find` waits for it, and raises for it."""
        self._coming = coming = Future[None]()

        def refresh() -> None:
            try:
                self.refresh_foreign(api)
            except Exception as error:
                coming.set_exception(error)
            else:
                coming.set_result(None)

        Thread(target=refresh, daemon=True).start()

    def to_json(self) -> dict[str, Any]:
        """Return what is known so far as JSON values."""
        if self._coming is not None:
            wait([self._coming])
        if self._json is None:
            types = [{**vars(type_), "verbs": sorted(type_.verbs)} for type_ in self._types]
            self._json = {"types": types, "foreign": sorted(self._foreign)}
        return self._json

    def text(self) -> str:
        """Return `to_json` as the text that evidence keeps: without spaces."""
        known = self.to_json()
        if not self._text:
            self._text = json.dumps(known, separators=(",", ":"), ensure_ascii=False)
        return self._text

    def find(
        self, api: ApiServer, word: str, api_version: str | None = None
    ) -> ResourceType | None:
        """Return the kind that `word` names, or None where this cluster has no such kind.

        Raises:
            RequestInvalid: several groups have the kind; the check must say which.
            GradingError: the group is served by somebody else, or the server could not be asked.
        """
        if self._coming is not None:
            self._coming.result()
        found = self._search(api, word, api_version)
        if found is None:
            self.refresh(api)
            found = self._search(api, word, api_version)
        if found is not None and found.group in OWN_GROUPS and found.group in self._foreign:
            raise GradingError(
                f"The API group {found.group or 'core'} is not served by Kubernetes itself: "
                "an APIService hands it to another server"
            )
        return found

    def _search(self, api: ApiServer, word: str, api_version: str | None) -> ResourceType | None:
        named = [t for t in self.types(api) if t.is_called(word)]
        if api_version is not None:
            return next((t for t in named if t.api_version == api_version), None)
        for group, version in OWN_GROUPS.items():
            for candidate in named:
                if (candidate.group, candidate.version) == (group, version):
                    return candidate
        return _only_one(word, [t for t in named if t.group not in OWN_GROUPS])


def _only_one(word: str, candidates: list[ResourceType]) -> ResourceType | None:
    groups = sorted({t.group for t in candidates})
    if len(groups) > 1:
        raise RequestInvalid(
            f"Several API groups have the kind {word} ({', '.join(groups)}): pass api_version=..."
        )
    return candidates[0] if candidates else None


def _resource_types(document: Mapping[str, Any]) -> Iterator[ResourceType]:
    for group in document.get("items", ()):
        for version in group.get("versions", ()):
            for resource in version.get("resources") or ():
                kind = resource.get("responseKind") or {}
                yield ResourceType(
                    group=group["metadata"].get("name", ""),
                    version=version["version"],
                    kind=kind.get("kind", ""),
                    plural=resource["resource"],
                    singular=resource.get("singularResource", ""),
                    namespaced=resource.get("scope") == "Namespaced",
                    verbs=frozenset(resource.get("verbs", ())),
                )


def _foreign_groups(services: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for service in services:
        spec = service.get("spec", {})
        if spec.get("service"):
            yield spec.get("group", "")
