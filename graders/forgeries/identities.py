"""Forgeries that say somebody else did it."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from graders.forgeries.appearances import RBAC, good_status, metadata
from graders.forgeries.connection import Who
from graders.forgeries.forgery import Family, State, forgery
from graders.forgeries.intruder import Intruder
from graders.forgeries.replica import (
    await_running,
    bind,
    copy_pods,
    give_devices,
    unscheduled,
)
from graders.forgeries.statuses import workloads

_MASTERS = ("system:masters",)
_BECAUSE = "The audit log names who held the credential, whoever they said they were."


def _do_as(intruder: Intruder, who: Who) -> None:
    """Copy the work of somebody who passed, in the name of somebody else."""
    copies = copy_pods(intruder, unscheduled, who=who)
    give_devices(intruder, copies, who)
    bind(intruder, copies, who)
    await_running(intruder, copies)
    for workload in workloads(intruder):
        if workload["kind"] != "Pod":
            intruder.say(workload, good_status(workload), who)


@forgery(Family.IDENTITY, State.PAPERS, fails_because=_BECAUSE)
def impersonated_scheduler(intruder: Intruder) -> None:
    """Allocates and binds in the name of the scheduler, by impersonation."""
    _do_as(intruder, Who("system:kube-scheduler", _MASTERS))


@forgery(Family.IDENTITY, State.PAPERS, fails_because=_BECAUSE)
def impersonated_grader(intruder: Intruder) -> None:
    """Does everything in the name of the grader itself."""
    _do_as(intruder, Who("assay:grader", _MASTERS))


@forgery(Family.IDENTITY, State.PAPERS, fails_because=_BECAUSE)
def impersonated_platform(intruder: Intruder) -> None:
    """Does everything in the name of the platform, which set the lab up."""
    _do_as(intruder, Who("assay:platform", _MASTERS))


@forgery(
    Family.IDENTITY,
    State.PAPERS,
    fails_because="What the API server does for itself is not logged; who impersonates it is.",
)
def impersonated_api_server(intruder: Intruder) -> None:
    """Acts as the API server itself, whose own requests the audit policy leaves out."""
    _do_as(intruder, Who("system:apiserver", _MASTERS))


@forgery(Family.IDENTITY, State.PAPERS, fails_because=_BECAUSE)
def impersonated_kubelet(intruder: Intruder) -> None:
    """Reports the Pods as running in the name of the node that they are said to be on."""
    copies = copy_pods(intruder, unscheduled)
    give_devices(intruder, copies)
    for copy in copies:
        who = Who(f"system:node:{copy.node}", ("system:nodes", *_MASTERS))
        bind(intruder, [copy], who)
        intruder.say(copy.pod, copy.original["status"], who)
    await_running(intruder, copies)


@forgery(
    Family.IDENTITY,
    State.PAPERS,
    fails_because="A cluster-admin gets a token for any account, so accounts prove nothing.",
)
def token_of_a_controller(intruder: Intruder) -> None:
    """Acts with the token of a controller's ServiceAccount, without impersonation."""
    _do_as(intruder, _token(intruder, "resource-claim-controller"))


@forgery(
    Family.IDENTITY,
    State.PAPERS,
    fails_because="The scheduler is one user with one certificate, and not an account of its name.",
)
def account_named_like_the_scheduler(intruder: Intruder) -> None:
    """Makes a ServiceAccount called kube-scheduler and acts with its token."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    intruder.create({**account, "metadata": metadata("kube-scheduler", "kube-system")})
    _do_as(intruder, _token(intruder, "kube-scheduler"))


@forgery(
    Family.IDENTITY,
    State.UNTOUCHED,
    fails_because="Nobody in the cluster holds the key of its authority, so nothing is signed.",
)
def certificate_of_the_scheduler(intruder: Intruder) -> None:
    """Asks for client certificates of scheduler and grader, and approves them itself."""
    for number, user in enumerate(("system:kube-scheduler", "assay:grader")):
        request = intruder.create(
            {
                "apiVersion": "certificates.k8s.io/v1",
                "kind": "CertificateSigningRequest",
                "metadata": {"name": f"{intruder.mark}-{number}"},
                "spec": {
                    "request": _signing_request(user),
                    "signerName": "kubernetes.io/kube-apiserver-client",
                    "usages": ["client auth"],
                },
            }
        )
        approved = {"type": "Approved", "status": "True", "reason": "Mine", "message": ""}
        request["status"] = {"conditions": [approved]}
        intruder.must("PUT", intruder.path_of(request, "approval"), request)


def _token(intruder: Intruder, account: str) -> Who:
    """Return a ServiceAccount that may do everything."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "kube-system"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    intruder.create(
        {
            "apiVersion": RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"everything-{intruder.mark}"},
            "roleRef": role,
            "subjects": [subject],
        }
    )
    path = f"/api/v1/namespaces/kube-system/serviceaccounts/{account}/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return Who(token=intruder.must("POST", path, asked)["status"]["token"])


def _signing_request(user: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
