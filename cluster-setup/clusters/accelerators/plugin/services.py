"""The gRPC services that a kubelet calls: registration, preparing, and news of health.

Contracts: `.proto` files in `api/`. The names of services stand here, because the messages of the
two versions of DRAResourceHealth are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from clusters.accelerators.plugin.allotment import Allotment, Refused
from clusters.accelerators.plugin.api import dra_pb2, health_pb2, registration_pb2
from clusters.accelerators.plugin.cdi import ClaimId, qualified_name
from clusters.accelerators.plugin.driver import NodeDriver
from clusters.accelerators.plugin.health import HealthBoard, Report
from clusters.inventory_devices import Health

DRA = "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin"
REGISTRATION = "pluginregistration.Registration"
HEALTH = ("v1.DRAResourceHealth", "v1alpha1.DRAResourceHealth")
"""As kubelets of 1.37 and of 1.36 call it."""
SUPPORTED = ("v1.DRAPlugin", *HEALTH)
"""What a registration says; a kubelet takes the first that it knows of each kind."""
NEWS_SECONDS = 10.0
"""How often health is told without news; a kubelet that hears nothing for 30 s calls it unknown."""
_HEALTH = {
    Health.HEALTHY: health_pb2.HEALTHY,
    Health.UNHEALTHY: health_pb2.UNHEALTHY,
    Health.UNKNOWN: health_pb2.UNKNOWN,
}


def dra_service(driver: NodeDriver) -> grpc.GenericRpcHandler:
    """Return the service that prepares claims on one node.

    One claim that cannot be prepared is an error of its own entry: an error of the call would fail
    every claim in it.
    """

    def prepare(
        request: dra_pb2.NodePrepareResourcesRequest, context: object
    ) -> dra_pb2.NodePrepareResourcesResponse:
        return dra_pb2.NodePrepareResourcesResponse(
            claims={claim.uid: _prepared(driver, claim) for claim in request.claims}
        )

    def unprepare(
        request: dra_pb2.NodeUnprepareResourcesRequest, context: object
    ) -> dra_pb2.NodeUnprepareResourcesResponse:
        return dra_pb2.NodeUnprepareResourcesResponse(
            claims={claim.uid: _unprepared(driver, claim) for claim in request.claims}
        )

    return grpc.method_handlers_generic_handler(
        DRA,
        {
            "NodePrepareResources": _method(prepare, dra_pb2.NodePrepareResourcesRequest),
            "NodeUnprepareResources": _method(unprepare, dra_pb2.NodeUnprepareResourcesRequest),
        },
    )


def health_services(board: HealthBoard, pool: str) -> list[grpc.GenericRpcHandler]:
    """Return the service that tells a kubelet about the health of one node's devices."""

    def watch(request: object, context: object) -> Iterator[health_pb2.NodeWatchResourcesResponse]:
        for report in board.watch(NEWS_SECONDS):
            yield _news(pool, report)

    handler = grpc.unary_stream_rpc_method_handler(
        watch,
        request_deserializer=health_pb2.NodeWatchResourcesRequest.FromString,
        response_serializer=_serialized,
    )
    return [
        grpc.method_handlers_generic_handler(name, {"NodeWatchResources": handler})
        for name in HEALTH
    ]


def registration_service(
    driver: str, endpoint: str, on_answer: Callable[[bool, str], None]
) -> grpc.GenericRpcHandler:
    """Return the service by which a kubelet learns of the driver.

    Args:
        driver: its name.
        endpoint: path of its socket in the node.
        on_answer: told whether the kubelet took it, and why not.
    """

    def info(request: object, context: object) -> registration_pb2.PluginInfo:
        return registration_pb2.PluginInfo(
            type="DRAPlugin", name=driver, endpoint=endpoint, supported_versions=SUPPORTED
        )

    def notify(
        request: registration_pb2.RegistrationStatus, context: object
    ) -> registration_pb2.RegistrationStatusResponse:
        on_answer(request.plugin_registered, request.error)
        return registration_pb2.RegistrationStatusResponse()

    return grpc.method_handlers_generic_handler(
        REGISTRATION,
        {
            "GetInfo": _method(info, registration_pb2.InfoRequest),
            "NotifyRegistrationStatus": _method(notify, registration_pb2.RegistrationStatus),
        },
    )


def _prepared(driver: NodeDriver, claim: dra_pb2.Claim) -> dra_pb2.NodePrepareResourceResponse:
    try:
        devices = driver.prepare(ClaimId(claim.namespace, claim.name, claim.uid))
    except Refused as refused:
        return dra_pb2.NodePrepareResourceResponse(error=str(refused))
    return dra_pb2.NodePrepareResourceResponse(
        devices=[_device(driver.driver, claim.uid, one) for one in devices]
    )


def _device(driver: str, uid: str, one: Allotment) -> dra_pb2.Device:
    return dra_pb2.Device(
        request_names=[one.request],
        pool_name=one.pool,
        device_name=one.device,
        cdi_device_ids=[qualified_name(driver, uid, one)],
        share_id=one.share_id or None,
    )


def _unprepared(driver: NodeDriver, claim: dra_pb2.Claim) -> dra_pb2.NodeUnprepareResourceResponse:
    try:
        driver.unprepare(claim.uid)
    except Refused as refused:
        return dra_pb2.NodeUnprepareResourceResponse(error=str(refused))
    return dra_pb2.NodeUnprepareResourceResponse()


def _news(pool: str, report: Report) -> health_pb2.NodeWatchResourcesResponse:
    now = int(time.time())
    return health_pb2.NodeWatchResourcesResponse(
        devices=[
            health_pb2.DeviceHealth(
                device=health_pb2.DeviceIdentifier(pool_name=pool, device_name=device),
                health=_HEALTH[state],
                last_updated_time=now,
                message="" if state is Health.HEALTHY else f"the simulated device is {state}",
            )
            for device, state in report.items()
        ]
    )


def _method(
    behaviour: Callable[[Any, object], Any], request: Any
) -> grpc.RpcMethodHandler[Any, Any]:
    return grpc.unary_unary_rpc_method_handler(
        behaviour, request_deserializer=request.FromString, response_serializer=_serialized
    )


def _serialized(message: Any) -> bytes:
    content: bytes = message.SerializeToString()
    return content
