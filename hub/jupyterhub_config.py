"""Configuration of JupyterHub: `assay up` starts the hub with it.

It is told by the environment: ASSAY_PORT (where people find the platform, 8000), ASSAY_HOME,
ASSAY_CACHE, ASSAY_DATABASE_URL, ASSAY_LABS and the settings of `docs/operating.md`, which the
services get too. `load_subconfig` and a file named by ASSAY_HUB_CONFIG can change all of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyterhub.spawner import Spawner

from clusters.binaries import ensure_binaries
from clusters.home import cache, home
from clusters.provider import provider_named
from graders.scopes import Scope
from hub.accounts import Role
from hub.authenticator import AccountAuthenticator
from hub.installation import (
    DEFAULT_PORT,
    PLATFORM_MARK,
    PROCTOR,
    REPOSITORY,
    SITE,
    address,
    hub_folder,
    installation_id,
)
from hub.isolation import KEPT_ENVIRONMENT, assess_isolation, run_as_another
from hub.ports import LOOPBACK, free_port, hub_ports
from hub.proxy import proxy_command
from hub.spawner import LabSpawner
from hub.tether import tethered

c = get_config()  # type: ignore[name-defined]  # noqa: F821

PORT = int(os.environ.get("ASSAY_PORT", DEFAULT_PORT))
LEARN, AUTHOR, CERTIFY = (scope.value for scope in Scope)
SERVICE_PATIENCE = 90  # seconds; the hub gives up when a service needs longer to answer
PASSED_ON = [name for name in os.environ if name.startswith("ASSAY_")]

# Addresses. The hub's own port stays the same over restarts: running notebooks know it.

ports = hub_ports(hub_folder() / "ports.json")
proctor_port, web_port = free_port(), free_port()
c.JupyterHub.bind_url = address(PORT)
if public_address := os.environ.get("ASSAY_PUBLIC_URL", "").rstrip("/"):
    c.JupyterHub.public_url = f"{public_address}/"
c.JupyterHub.hub_bind_url = f"http://{LOOPBACK}:{ports.hub}"
c.ConfigurableHTTPProxy.api_url = f"http://{LOOPBACK}:{ports.proxy_api}"
c.ConfigurableHTTPProxy.command = tethered(proxy_command())
c.ConfigurableHTTPProxy.pid_file = str(hub_folder() / "proxy.pid")
# A hub that finds a pid here kills it, whoever has it by now. Ours ended with the hub before.
(hub_folder() / "proxy.pid").unlink(missing_ok=True)

# State.

c.JupyterHub.db_url = f"sqlite:///{hub_folder() / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(hub_folder() / "cookie_secret")
c.JupyterHub.cleanup_servers = False  # notebooks outlive a restart of the hub
c.JupyterHub.template_paths = [str(Path(__file__).parent / "templates")]
c.JupyterHub.template_vars = {"site": SITE}

# People: an account's role is a group, and groups have the rights.

c.JupyterHub.authenticator_class = AccountAuthenticator
c.Authenticator.allow_all = True  # whoever has an account
c.Authenticator.manage_groups = True
c.Authenticator.auth_refresh_age = 10  # seconds until a removed account is signed out,
c.Authenticator.auth_refresh_strict = True  # and its tokens open nothing any more
c.Authenticator.refresh_pre_spawn = True
c.JupyterHub.custom_scopes = {
    LEARN: {"description": "Work on labs"},
    AUTHOR: {"description": "See and judge the work of all learners", "subscopes": [LEARN]},
    CERTIFY: {"description": "Read and verify what was signed"},
}
c.JupyterHub.extra_user_scopes = {"access:services!service=web"}
_USE_PROCTOR = "access:services!service=proctor"
c.JupyterHub.load_roles = [
    {"name": "labs-learner", "scopes": [LEARN, _USE_PROCTOR], "groups": [Role.LEARNER.value]},
    {"name": "labs-author", "scopes": [AUTHOR, _USE_PROCTOR], "groups": [Role.INSTRUCTOR.value]},
    {
        "name": "labs-certifier",
        "scopes": [CERTIFY, _USE_PROCTOR],
        "groups": [Role.CERTIFIER.value],
    },
    {
        "name": "proctor-service",  # stops the notebooks of attempts that are over
        "scopes": ["list:users", "read:servers", "delete:servers"],
        "services": ["proctor"],
    },
]
c.JupyterHub.oauth_require_pkce = True
c.JupyterHub.default_url = SITE  # not a notebook server: labs are chosen there

# Services. Both end when the hub does, however it ends.

environment = {name: os.environ[name] for name in PASSED_ON} | {
    "ASSAY_HOME": str(home()),
    "ASSAY_CACHE": str(cache()),
    PLATFORM_MARK: installation_id(),
}
c.JupyterHub.services = [
    {
        "name": "proctor",
        "url": f"http://{LOOPBACK}:{proctor_port}",
        "command": [sys.executable, "-m", "graders.proctor"],
        "environment": environment,
        "display": False,
        "timeout": SERVICE_PATIENCE,
    },
    {
        "name": "web",
        "url": f"http://{LOOPBACK}:{web_port}",
        "command": [sys.executable, "-m", "web"],
        "environment": environment
        | {
            "ASSAY_PROCTOR_URL": f"http://{LOOPBACK}:{proctor_port}{PROCTOR}",
            "ASSAY_CAPABILITIES": ",".join(sorted(provider_named().capabilities)),
        },
        "display": False,
        "oauth_no_confirm": True,
        "timeout": SERVICE_PATIENCE,
        "oauth_client_allowed_scopes": [LEARN, AUTHOR, CERTIFY, _USE_PROCTOR],
    },
]
# JupyterHub has no setting for how often it looks whether a service still runs (30 s).
Spawner.poll_interval.default_value = 1

# Labs.

kubectl = ensure_binaries(["kubectl"])["kubectl"]
needed = [Path(sys.executable), REPOSITORY, kubectl, home().parent]
isolation = assess_isolation(needed, run_as_another)
print(f"notebooks are {isolation.assurance} {isolation.reason and f'({isolation.reason})'}")
if isolation.isolated:
    home().chmod(0o711)  # learners pass through to their own folder and see no other
c.JupyterHub.spawner_class = LabSpawner
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 100  # every lab ever started counts, running or not
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}  # always show progress
# -P: a file of the learner named like a module must not keep their notebook from starting
c.Spawner.cmd = [sys.executable, "-P", "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab/tree/notebook.ipynb"
c.Spawner.env_keep = list(KEPT_ENVIRONMENT)
c.Spawner.start_timeout = 300  # above LabSpawner.lab_timeout, whose sentence is better
c.Spawner.http_timeout = 90
c.Spawner.poll_interval = 5
c.Spawner.server_token_scopes = [
    "users:activity!user",
    "access:servers!server",
    LEARN,
    _USE_PROCTOR,
]
c.LocalProcessSpawner.interrupt_timeout = 10
c.LocalProcessSpawner.term_timeout = 5
c.LabSpawner.proctor_url = f"http://{LOOPBACK}:{proctor_port}{PROCTOR}"
c.LabSpawner.local_address = address(PORT)
c.LabSpawner.public_address = public_address or address(PORT)
c.LabSpawner.isolated = isolation.isolated
c.LabSpawner.tools = str(kubectl.parent)

if extra := os.environ.get("ASSAY_HUB_CONFIG"):
    load_subconfig(extra)  # type: ignore[name-defined]  # noqa: F821
