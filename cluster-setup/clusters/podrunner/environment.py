"""The environment and the command of a container, as a kubelet makes them of a Pod."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.podrunner.quantities import in_units

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_.][\w.-]*)\))")
_KEYED = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")
_NAME = re.compile(r"^[A-Za-z_.-][\w.-]*$")

Held = Callable[[str, str], Mapping[str, str] | None]
"""Returns what a ConfigMap or Secret of the Pod's namespace holds: (kind, name); None: missing."""


class Missing(Exception):
    """Something that a container refers to is not there (yet)."""


@dataclass(frozen=True)
class Surroundings:
    """What the environment of a container is made of, besides its own spec."""

    pod: Mapping[str, Any]
    """The Pod, with the addresses that it has got."""
    held: Held
    services: Sequence[Mapping[str, Any]]
    """Services that are told of by variables."""


def environment_of(
    container: Mapping[str, Any], around: Surroundings, first: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of a container.

    Args:
        container: its spec.
        around: what it refers to.
        first: what its own goes over.

    Raises:
        Missing: with a sentence that names what is missing.
    """
    found = {**first, **_of_services(around.services)}
    for source in container.get("envFrom") or ():
        found |= _from_whole(source, around.held)
    for entry in container.get("env") or ():
        if (source := entry.get("valueFrom")) is None:
            found[entry["name"]] = expand(entry.get("value") or "", found)
        elif (value := _value_from(source, container, around)) is not None:
            found[entry["name"]] = value
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by what it stands for; `$$` is a dollar, an unknown name stays."""

    def stand_in(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(stand_in, text)


def field_of(pod: Mapping[str, Any], path: str) -> str:
    """Return what a fieldRef of the downward API names.

    Raises:
        Missing: there is no such field.
    """
    if keyed := _KEYED.match(path):
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = pod["metadata"].get(path.split(".")[1]) or {}
        quoted = (f'{key}="{_escaped(value)}"' for key, value in sorted(entries.items()))
        return "\n".join(quoted)
    if path in ("status.podIPs", "status.hostIPs"):
        return ",".join(each["ip"] for each in pod["status"].get(path.split(".")[1]) or ())
    section, _, key = path.partition(".")
    if section not in ("metadata", "spec", "status"):
        raise Missing(f"there is no field {path}")
    return str(pod[section].get(key, ""))


def resource_of(container: Mapping[str, Any], reference: Mapping[str, Any], node: str = "") -> str:
    """Return what a resourceFieldRef names, in units of its divisor; "0" where nothing is asked."""
    kind, _, resource = reference["resource"].partition(".")
    asked = (container.get("resources") or {}).get(kind) or {}
    return str(in_units(str(asked.get(resource, "0")), str(reference.get("divisor") or "1")))


def _from_whole(source: Mapping[str, Any], held: Held) -> dict[str, str]:
    kind, key = (
        ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
    )
    reference = source[key]
    content = held(kind, reference["name"])
    if content is None:
        if reference.get("optional"):
            return {}
        raise Missing(f'{kind.lower()} "{reference["name"]}" not found')
    prefix = source.get("prefix") or ""
    named = {f"{prefix}{name}": value for name, value in content.items()}
    return {name: value for name, value in named.items() if _NAME.match(name)}


def _value_from(
    source: Mapping[str, Any], container: Mapping[str, Any], around: Surroundings
) -> str | None:
    if reference := source.get("fieldRef"):
        return field_of(around.pod, reference["fieldPath"])
    if reference := source.get("resourceFieldRef"):
        return resource_of(container, reference)
    for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if reference := source.get(key):
            return _keyed(kind, reference, around.held)
    raise Missing(f"a variable from {', '.join(source)} is not available here")


def _keyed(kind: str, reference: Mapping[str, Any], held: Held) -> str | None:
    content = held(kind, reference["name"])
    if content is not None and reference["key"] in content:
        return content[reference["key"]]
    if reference.get("optional"):
        return None
    if content is None:
        raise Missing(f'{kind.lower()} "{reference["name"]}" not found')
    raise Missing(f"couldn't find key {reference['key']} in {kind} {reference['name']}")


def _of_services(services: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the variables by which a container finds Services, as in the days before DNS."""
    found = {}
    for service in services:
        address, ports = service["spec"].get("clusterIP"), service["spec"].get("ports") or ()
        if address in (None, "", "None") or not ports:
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        found[f"{name}_SERVICE_HOST"] = address
        found[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                suffix = port["name"].upper().replace("-", "_")
                found[f"{name}_SERVICE_PORT_{suffix}"] = str(port["port"])
    return found


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
