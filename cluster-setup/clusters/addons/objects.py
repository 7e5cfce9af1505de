"""The objects of an add-on, read and fitted to a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from clusters.addons.addon import AddOn, Objects, Webhooks
from clusters.addons.sources import files_of

Manifest = dict[str, Any]
_FIRST = {"Namespace": 0, "CustomResourceDefinition": 1, "ServiceAccount": 2, "ClusterRole": 2}
_LAST = 3
_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


def objects_of(
    addon: AddOn, values: Mapping[str, str], *, in_containers: bool = False
) -> list[Manifest]:
    """Return the objects of an add-on in an order in which they can be created.

    Args:
        addon: whose objects.
        values: what the names in the text of our own files stand for.
        in_containers: whether it is to run in the cluster itself.

    Raises:
        PreflightError: files of a Go module must be fetched, and this host has no Go.
        ClusterError: they cannot be fetched.
    """
    sources = (*addon.objects, *(addon.workload if in_containers else ()))
    found = [manifest for source in sources for manifest in _read(addon, source, values)]
    return sorted(found, key=lambda manifest: _FIRST.get(manifest["kind"], _LAST))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values of a cluster into text of an add-on; `$$` stands for a dollar."""
    return Template(text).substitute(values)


def _read(addon: AddOn, source: Objects, values: Mapping[str, str]) -> Iterator[Manifest]:
    for manifest in _parse(files_of(addon, source), {} if source.module else values):
        if source.kinds and manifest["kind"] not in source.kinds:
            continue
        if source.webhooks and manifest["kind"] in _WEBHOOKS:
            manifest = _redirect(manifest, addon, source.webhooks, values["ca"])
        yield manifest


def _parse(files: Iterable[Path], values: Mapping[str, str]) -> Iterator[Manifest]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in files:
        text = path.read_text(encoding="utf-8")
        for document in yaml.load_all(fill(text, values) if values else text, loader):
            if document:
                yield document


def _redirect(manifest: Manifest, addon: AddOn, to: Webhooks, authority: str) -> Manifest:
    """Let webhooks call the Service that this add-on has here."""
    namespace, name = to.service.split("/")
    service = {"namespace": namespace, "name": name}
    return manifest | {
        "metadata": {"name": f"{addon.name}-{manifest['metadata']['name']}"},
        "webhooks": [
            webhook
            | {
                "clientConfig": {
                    "service": service | {"path": webhook["clientConfig"]["service"]["path"]},
                    "caBundle": authority,
                }
            }
            for webhook in manifest["webhooks"]
            if _resources(webhook) & set(to.resources)
        ],
    }


def _resources(webhook: Manifest) -> set[str]:
    return {resource for rule in webhook["rules"] for resource in rule["resources"]}
