"""The operator's page: who has which cluster, what waits ready, who waits for room."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from web.access import instructors_only, this_token
from web.error_pages import error_page
from web.phrases import duration
from web.proctor import ProctorRefused
from web.representation import page
from web.site import site

blueprint = Blueprint("clusters", __name__)


@blueprint.get("/instructor/clusters")
@instructors_only
def show() -> Response:
    """Show every cluster as the proctor sees it."""
    try:
        found = site().proctor.clusters(this_token() or "")
    except ProctorRefused as error:
        return error_page(502, f"The clusters are not known: {error}.")
    return page("clusters.html", found, rows=rows_of(found), found=found, figures=figures_of(found))


def rows_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clusters as lines of a table, each with its lease where it has one."""
    leases = {lease["cluster"]: lease for lease in found["leases"]}
    return [
        {
            **cluster,
            "use": _use_of(cluster, leases.get(cluster["name"])),
            "memory": sum(part["memory"] for part in cluster["components"]) >> 20,
            "lease": leases.get(cluster["name"]),
            "dead": [part["name"] for part in cluster["components"] if part["pid"] is None],
        }
        for cluster in found["clusters"]
    ]


def figures_of(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the figures above the table as people read them."""
    pool = found["pool"]
    ready, wanted = (sum(shelf[key] for shelf in pool) for key in ("ready", "wanted"))
    wait = found["wait_seconds"]
    memory = found["memory"]
    return [
        ("Clusters", f"{len(found['clusters'])} of {found['limit']} that fit here"),
        ("Waiting ready", f"{ready} of {wanted}" if pool else "no pool is set up"),
        ("Waiting for room", str(len(found["waiting"]))),
        ("A wait would take", "not known" if wait is None else duration(round(wait / 60))),
        ("Memory left", f"{memory['available'] >> 20} of {memory['total'] >> 20} MiB"),
    ]


def _use_of(cluster: dict[str, Any], lease: dict[str, Any] | None) -> str:
    if lease:
        return str(lease["state"])
    return "waits ready" if str(cluster["owner"]).startswith("pool:") else "made by hand"
