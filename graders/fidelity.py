"""Fidelity: whether an object came to be as it was asked for.

Admission of somebody else may change what the grader creates on its way in. What was asked for must
be there unchanged; of the kinds that probes are made of, nothing else may be there but what the API
server adds by itself (Kubernetes 1.34 and later).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from kubernetes.utils.quantity import parse_quantity

_NOT_COMPARED = {"apiVersion", "kind", "status", "stringData"}
_POD_DEFAULTS = {
    "dnsPolicy",
    "enableServiceLinks",
    "imagePullSecrets",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "restartPolicy",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "volumes",
}
_CONTAINER_DEFAULTS = {
    "imagePullPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMounts",
}
_RESOURCE_LISTS = ("requests", "limits")
_CLAIM_DEFAULTS = {"allocationMode", "count"}
_OWN_FINALIZERS = {"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"}
_HELD_TO_THE_LETTER: Mapping[str, Set[str]] = {
    "ResourceClaim": _CLAIM_DEFAULTS,
    "ResourceSlice": {"timeAdded"},
}
"""Kinds with few defaults; these fields are all that the API server adds to them."""

Object = Mapping[str, Any]


def changes(asked: Object, made: Object) -> list[str]:
    """Return the paths where an object is not what was asked for.

    Args:
        asked: the manifest.
        made: what the API server answered, with its kind.
    """
    compared = {key: asked[key] for key in asked if key not in _NOT_COMPARED}
    return [*differences(compared, made), *additions(asked, made)]


def differences(wanted: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield the paths where `found` is not what was `wanted`; additions are defaults.

    Lists may have additions at their end (default tolerations, the token volume).
    """
    if wanted == found:
        return
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in wanted.items():
            yield from differences(value, found.get(key), _below(path, key))
    elif isinstance(wanted, Sequence) and isinstance(found, list) and not isinstance(wanted, str):
        if len(found) < len(wanted):
            yield path
        for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from differences(one, other, f"{path}[{index}]")
    elif not _same_value(wanted, found):
        yield path


def additions(wanted: Object, found: Object) -> Iterator[str]:
    """Yield what neither the manifest nor the API's defaults account for."""
    yield from _metadata_additions(wanted.get("metadata") or {}, found.get("metadata") or {})
    kind = str(found.get("kind"))
    if kind == "Pod":
        yield from _pod_additions(wanted["spec"], found["spec"])
    elif kind in _HELD_TO_THE_LETTER:
        defaults = _HELD_TO_THE_LETTER[kind]
        yield from _unasked(wanted.get("spec") or {}, found.get("spec") or {}, defaults, "spec")


def _metadata_additions(wanted: Object, found: Object) -> Iterator[str]:
    """Yield what ties an object to others, or keeps it from going, without anybody's asking."""
    if set(found.get("finalizers") or ()) - set(wanted.get("finalizers") or ()) - _OWN_FINALIZERS:
        yield "metadata.finalizers"
    if len(found.get("ownerReferences") or ()) > len(wanted.get("ownerReferences") or ()):
        yield "metadata.ownerReferences"


def _pod_additions(wanted: Object, found: Object) -> Iterator[str]:
    added = found.keys() - wanted.keys()
    yield from (f"spec.{key}" for key in sorted(added - _POD_DEFAULTS))
    if "schedulerName" in added and found["schedulerName"] != "default-scheduler":
        yield "spec.schedulerName"
    for group in ("containers", "initContainers"):
        asked, made = wanted.get(group) or (), found.get(group) or ()
        if len(made) > len(asked):
            yield f"spec.{group}"
        for index, (one, other) in enumerate(zip(asked, made, strict=False)):
            yield from _container_additions(one, other, f"spec.{group}[{index}]")


def _container_additions(wanted: Object, found: Object, path: str) -> Iterator[str]:
    added = found.keys() - wanted.keys() - _CONTAINER_DEFAULTS - {"resources"}
    yield from (f"{path}.{key}" for key in sorted(added))
    asked, made = wanted.get("resources") or {}, found.get("resources") or {}
    # Where only limits are given, they are the requests too.
    accounted = {"limits": asked.get("limits") or {}}
    accounted["requests"] = {**accounted["limits"], **(asked.get("requests") or {})}
    for key in _RESOURCE_LISTS:
        if (made.get(key) or {}).keys() - accounted[key].keys():
            yield f"{path}.resources.{key}"


def _unasked(wanted: Any, found: Any, defaults: Set[str], path: str) -> Iterator[str]:
    """Yield the paths that only `found` has, but for defaults."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key, value in found.items():
            if key in wanted:
                yield from _unasked(wanted[key], value, defaults, _below(path, key))
            elif key not in defaults and value not in (None, [], {}):
                yield _below(path, key)
    elif isinstance(wanted, Sequence) and isinstance(found, list) and not isinstance(wanted, str):
        if len(found) > len(wanted):
            yield path
        for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _unasked(one, other, defaults, f"{path}[{index}]")


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _same_value(wanted: Any, found: Any) -> bool:
    if wanted == found or (not wanted and found is None):
        return True
    return _quantity(wanted) is not None and _quantity(wanted) == _quantity(found)


def _quantity(value: Any) -> Any:
    try:
        return parse_quantity(value)
    except (ValueError, TypeError):
        return None
