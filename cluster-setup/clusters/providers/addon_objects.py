"""Creating the objects of an add-on in a cluster, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from clusters.addons.objects import Manifest
from clusters.providers.embedded.api import ApiServer, NoAnswerError

DEFINITION = "CustomResourceDefinition"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Wait = Callable[[str, Callable[[], bool]], None]
"""Waits until something holds, and names what was slow where it does not."""


def create_objects(objects: Sequence[Manifest], api: ApiServer, wait: Wait) -> None:
    """Create objects, or leave those of the same names as they are: new kinds first.

    Raises:
        NotReadyError: the API server did not answer, or did not serve a kind, in time.
        ClusterError: it refused something.
    """
    for definition in (m for m in objects if m["kind"] == DEFINITION):
        _create(api, _DEFINITIONS, definition, wait)
    for manifest in objects:
        if manifest["kind"] == DEFINITION:
            wait("kube-apiserver", partial(_is_served, api, manifest))
        else:
            _create(api, api.collection_of(manifest), manifest, wait)


def _is_served(api: ApiServer, definition: Manifest) -> bool:
    """Say whether a kind is established, and answered for: that comes a moment later."""
    spec = definition["spec"]
    return api.holds(f"{_DEFINITIONS}/{definition['metadata']['name']}") and all(
        api.has(f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}?limit=1")
        for version in spec["versions"]
        if version["served"]
    )


def _create(api: ApiServer, collection: str, manifest: Manifest, wait: Wait) -> None:
    """Create an object; one new kind after the other keeps an API server busy for a while."""

    def created() -> bool:
        try:
            api.ensure(collection, manifest)
        except NoAnswerError:
            return False
        return True

    wait("kube-apiserver", created)
