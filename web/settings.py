"""Settings: what the site is told from outside, read in one place.

As a service of the hub it is told by the hub's own variables (`JUPYTERHUB_*`); `ASSAY_WEB_*` set
the rest. Tests pass a mapping with the same names instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from clusters.capability import Capability
from clusters.errors import InputInvalid

_REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """The settings of the site."""

    api_url: str
    """The hub's API as this process reaches it, for example `http://127.0.0.1:8081/hub/api`."""
    api_token: str = field(repr=False)
    """The service's own token at the hub."""
    client_id: str
    """The service's OAuth client, `service-web`."""
    prefix: str = "/services/web"
    """Where the site is mounted; no slash at the end."""
    base_url: str = "/"
    """Where the hub is mounted."""
    public_url: str = "http://127.0.0.1:8000"
    """Where people find the platform from outside: a part of every badge."""
    issuer_name: str = ""
    """Who issues the badges; by default it is made from the address."""
    proctor_url: str = ""
    """The proctor as this process reaches it; without one, Finish says that it cannot be done."""
    capabilities: frozenset[Capability] = frozenset({Capability.SCHEDULING})
    """What the clusters of this installation offer; labs that need more cannot be started."""
    database_url: str | None = None
    """Address of the database; the installation's own by default."""
    access_scopes: frozenset[str] = frozenset({"access:services!service=web"})
    """One of these lets a person in at all."""
    cache_seconds: int = 30
    """How long the hub's answer about a token is believed: the delay of a revocation."""
    secure: bool = False
    """Whether browsers come by https; cookies then go nowhere else."""
    htmx: Path = _REPOSITORY / "node_modules" / "htmx.org" / "dist" / "htmx.min.js"
    """The one script; without it pages show the same after a reload."""

    @property
    def hub_url(self) -> str:
        """Where browsers find the hub, with a slash at the end."""
        return f"{self.base_url}hub/"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables or a mapping like them.

    Raises:
        InputInvalid: with a sentence for each variable that is missing.
    """
    needed = ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_CLIENT_ID")
    if missing := [name for name in needed if not environment.get(name)]:
        raise InputInvalid(
            [f"{name} is not set: the hub starts the site, `assay up`" for name in missing]
        )
    scopes = environment.get("JUPYTERHUB_OAUTH_ACCESS_SCOPES") or "[]"
    base_url = environment.get("JUPYTERHUB_BASE_URL", "/")
    return Settings(
        api_url=environment["JUPYTERHUB_API_URL"],
        api_token=environment["JUPYTERHUB_API_TOKEN"],
        client_id=environment["JUPYTERHUB_CLIENT_ID"],
        prefix=environment.get("JUPYTERHUB_SERVICE_PREFIX", "/services/web/").rstrip("/"),
        base_url=base_url,
        public_url=_public_url(environment),
        issuer_name=environment.get("ASSAY_ISSUER_NAME", ""),
        proctor_url=environment.get("ASSAY_PROCTOR_URL", "").rstrip("/"),
        capabilities=_capabilities(environment.get("ASSAY_CAPABILITIES", "")),
        database_url=environment.get("ASSAY_DATABASE_URL") or None,
        access_scopes=frozenset(json.loads(scopes)) or Settings.access_scopes,
        cache_seconds=int(environment.get("ASSAY_WEB_CACHE_SECONDS", Settings.cache_seconds)),
        secure=_by_https(environment),
        htmx=Path(environment.get("ASSAY_WEB_HTMX") or Settings.htmx),
    )


def _by_https(environment: Mapping[str, str]) -> bool:
    told = (environment.get("ASSAY_PUBLIC_URL", ""), environment.get("JUPYTERHUB_PUBLIC_URL", ""))
    return any(urlsplit(url).scheme == "https" for url in told)


def _public_url(environment: Mapping[str, str]) -> str:
    port = environment.get("ASSAY_PORT") or "8000"
    return environment.get("ASSAY_PUBLIC_URL", "").rstrip("/") or f"http://127.0.0.1:{port}"


def _capabilities(names: str) -> frozenset[Capability]:
    known = set(Capability)
    named = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in named if name not in known]:
        raise InputInvalid(
            [f"ASSAY_CAPABILITIES: {n!r} is none of {', '.join(known)}" for n in unknown]
        )
    return frozenset(Capability(name) for name in named) or Settings.capabilities
